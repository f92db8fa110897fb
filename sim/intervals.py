"""From the figures of many replications to one figure with its interval: the median, and 5th and 95th percentile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from scenarios.outcome import (
    FAILURE_KINDS,
    Failures,
    Figure,
    Interval,
    Latency,
    PhaseOutcome,
    ReplicaChange,
    Series,
)

Row = tuple[float, int, int, int]
_T = TypeVar("_T")
_LATENCIES = ("mean", "p50", "p90", "p95", "p99", "p999", "max")


def interval(values: Sequence[float]) -> Interval:
    """Median, 5th and 95th percentile, linear between neighbours. At least one value."""
    low, middle, high = np.percentile(np.asarray(values, dtype=np.float64), [5, 50, 95])
    return Interval(value=float(middle), low=float(low), high=float(high))


def interval_if_any(values: Sequence[float | None]) -> Interval | None:
    """Over the replications that have the figure; None when fewer than half do."""
    present = [value for value in values if value is not None]
    return interval(present) if 2 * len(present) >= len(values) and present else None


def merge_phases(phases: Sequence[PhaseOutcome]) -> PhaseOutcome:
    """The same phase of every replication, as one."""
    first = phases[0]
    return PhaseOutcome(
        name=first.name,
        start_s=first.start_s,
        end_s=first.end_s,
        surge=first.surge,
        offered_rps=interval(_numbers(phases, lambda p: p.offered_rps)),
        goodput_rps=interval(_numbers(phases, lambda p: p.goodput_rps)),
        success_ratio=interval_if_any(_numbers_if_any(phases, lambda p: p.success_ratio)),
        failures=Failures(**{kind: interval(_numbers(phases, _failure(kind))) for kind in FAILURE_KINDS}),
        latency_s=Latency(**{name: interval_if_any(_numbers_if_any(phases, _latency(name))) for name in _LATENCIES}),
    )


def _failure(kind: str) -> Callable[[PhaseOutcome], Figure]:
    return lambda phase: getattr(phase.failures, kind)


def _latency(name: str) -> Callable[[PhaseOutcome], Figure | None]:
    return lambda phase: getattr(phase.latency_s, name)


def merge_series(series: Sequence[Series]) -> Series:
    """Bucket by bucket. All replications have the buckets of the schedule."""
    first = series[0]

    def merge(figures: Callable[[Series], tuple[Figure, ...]]) -> tuple[Interval, ...]:
        return tuple(interval(_numbers(bucket, lambda x: x)) for bucket in zip(*map(figures, series), strict=True))

    def merge_if_any(figures: Callable[[Series], tuple[Figure | None, ...]]) -> tuple[Interval | None, ...]:
        columns = zip(*map(figures, series), strict=True)
        return tuple(interval_if_any(_numbers_if_any(bucket, lambda x: x)) for bucket in columns)

    return Series(
        bucket_s=first.bucket_s,
        time_s=first.time_s,
        offered_rps=merge(lambda s: s.offered_rps),
        goodput_rps=merge(lambda s: s.goodput_rps),
        p50_s=merge_if_any(lambda s: s.p50_s),
        p95_s=merge_if_any(lambda s: s.p95_s),
        p99_s=merge_if_any(lambda s: s.p99_s),
        queued=merge(lambda s: s.queued),
        in_flight=merge(lambda s: s.in_flight),
    )


def merge_replicas(runs: Sequence[Sequence[Row]], resolution_s: float = 0.1) -> tuple[ReplicaChange, ...]:
    """Replica counts over time: a row whenever the median or an edge of an interval changed.

    Each run's rows are (time, desired, ready, in rotation), the first at time zero; times are rounded up to
    the resolution, so that a change is seen at the row that bears its time.
    """
    ticks = [np.ceil(np.array([row[0] for row in run]) / resolution_s - 1e-9).astype(np.int64) for run in runs]
    counts = [np.array([row[1:] for row in run], dtype=np.float64) for run in runs]
    changes: list[ReplicaChange] = []
    for tick in np.unique(np.concatenate(ticks)).tolist():
        now = np.array([c[np.searchsorted(t, tick, side="right") - 1] for t, c in zip(ticks, counts, strict=True)])
        desired, ready, in_rotation = (_count_interval(now[:, column]) for column in range(3))
        last = changes[-1] if changes else None
        if last is None or (last.desired, last.ready, last.in_rotation) != (desired, ready, in_rotation):
            time_s = round(tick * resolution_s, 6)
            changes.append(ReplicaChange(time_s=time_s, desired=desired, ready=ready, in_rotation=in_rotation))
    return tuple(changes)


def _count_interval(counts: NDArray[np.float64]) -> Interval:
    """As `interval`, but of counts that occurred: there is no half pod."""
    low, middle, high = np.percentile(counts, [5, 50, 95], method="nearest")
    return Interval(value=float(middle), low=float(low), high=float(high))


def _numbers(items: Sequence[_T], get: Callable[[_T], Figure]) -> list[float]:
    """Plain numbers of what is not merged yet."""
    figures = [get(item) for item in items]
    return [figure.value if isinstance(figure, Interval) else figure for figure in figures]


def _numbers_if_any(items: Sequence[_T], get: Callable[[_T], Figure | None]) -> list[float | None]:
    figures = [get(item) for item in items]
    return [figure.value if isinstance(figure, Interval) else figure for figure in figures]

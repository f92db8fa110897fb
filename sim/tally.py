"""From what the kernel added up in one replication to the figures of an `Outcome`, plain numbers all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.figures import QUANTILES, bucket_s_for
from scenarios.outcome import FAILURE_KINDS, Failures, Latency, PhaseOutcome, Series
from scenarios.schema import Slo
from scenarios.traffic import PhaseSpan
from sim.dataplane.figures import COARSE_BITS, COARSE_CELLS, FINE_BITS, FINE_CELLS, cell_middle_s
from sim.dataplane.memory import Memory
from sim.dataplane.tables import BUCKET, BUCKET_S, PHASE, RECORD_COUNT, SECOND, SLO_P99_S, SURGE_END_S
from sim.intervals import Row
from sim.trace import note_change


@dataclass(frozen=True)
class Future:
    """The figures of one replication, plain numbers all."""

    total: PhaseOutcome
    phases: tuple[PhaseOutcome, ...]
    series: Series
    replicas: tuple[Row, ...]
    recovery_s: float | None
    met: bool


def add_figures(memory: Memory, slo: Slo, phases: tuple[PhaseSpan, ...], duration_s: float) -> None:
    """Give the kernel tables for the figures of this schedule."""
    surge_ends = [phase.end_s for phase in phases if phase.surge]
    surge_end_s = surge_ends[-1] if surge_ends else math.inf
    bucket_s = bucket_s_for(duration_s)
    buckets = math.ceil(duration_s / bucket_s - 1e-9)
    phase_table = np.zeros(len(phases), PHASE)
    phase_table["end_s"] = [phase.end_s for phase in phases]
    memory.real[SURGE_END_S], memory.real[BUCKET_S], memory.real[SLO_P99_S] = surge_end_s, bucket_s, slo.p99
    memory.put(
        phases=phase_table,
        fine=np.zeros(len(phases) * FINE_CELLS, np.int64),
        buckets=np.zeros(buckets, BUCKET),
        coarse=np.zeros(buckets * COARSE_CELLS, np.int32),
        seconds=np.zeros(math.ceil(duration_s - surge_end_s) if surge_ends else 0, SECOND),
    )


class Tally:
    """Figures of one replication, once `close` has been called."""

    def __init__(self, slo: Slo, phases: tuple[PhaseSpan, ...], duration_s: float) -> None:
        self._slo, self._phases, self._duration_s = slo, phases, duration_s
        self.replicas: list[Row] = []
        self.records: Any = None
        self.pods: list[str] = []

    def note_replicas(self, now_s: float, desired: int, ready: int, in_rotation: int) -> None:
        """Replica counts from now on."""
        note_change(self.replicas, (now_s, desired, ready, in_rotation))

    def close(self, memory: Memory, pods: list[str]) -> None:
        """Keep what the kernel has added up; `records` are there when a trace was asked for."""
        self._table, self._buckets, self._seconds = memory.phases, memory.buckets, memory.seconds
        self._fine = memory.fine.reshape(len(self._phases), FINE_CELLS)
        self._coarse = memory.coarse.reshape(memory.buckets.size, COARSE_CELLS)
        self._bucket_s, self.pods = float(memory.real[BUCKET_S]), pods
        self.records = memory.records[: memory.root[RECORD_COUNT]]

    def future(self) -> Future:
        """All figures."""
        table = self._table
        counts, met = table["counts"].sum(axis=0), int(table["met"].sum())
        whole = PhaseSpan("total", 0.0, self._duration_s, surge=False)
        highest_s = float(table["max_s"].max(initial=0.0))
        total = _phase_outcome(whole, counts, float(table["sum_s"].sum()), highest_s, self._fine.sum(axis=0))
        return Future(
            total=total,
            phases=tuple(
                _phase_outcome(span, row["counts"], float(row["sum_s"]), float(row["max_s"]), cells)
                for span, row, cells in zip(self._phases, table, self._fine, strict=True)
            ),
            series=self._series(),
            replicas=tuple(self.replicas),
            recovery_s=self._recovery_s(),
            met=_is_met(total, counts, met, self._slo),
        )

    def _series(self) -> Series:
        buckets, bucket_s = self._buckets, self._bucket_s
        good = buckets["good"]
        reached = np.cumsum(self._coarse, axis=1)

        def quantiles(share: float) -> tuple[float | None, ...]:
            places = (reached < _rank(good, share)[:, None]).sum(axis=1)
            values = cell_middle_s(places, COARSE_BITS).tolist()
            return tuple(value if n else None for value, n in zip(values, good.tolist(), strict=True))

        return Series(
            bucket_s=bucket_s,
            time_s=tuple((np.arange(buckets.size) * bucket_s).tolist()),
            offered_rps=tuple((buckets["offered"] / bucket_s).tolist()),
            goodput_rps=tuple((good / bucket_s).tolist()),
            p50_s=quantiles(0.50),
            p95_s=quantiles(0.95),
            p99_s=quantiles(0.99),
            queued=tuple((buckets["queued_s"] / bucket_s).tolist()),
            in_flight=tuple((buckets["served_s"] / bucket_s).tolist()),
        )

    def _recovery_s(self) -> float | None:
        """As `scenarios.recovery.recovery_s`, second by second from the end of the last surge phase."""
        if not any(phase.surge for phase in self._phases):
            return None
        offered, good, slow = (self._seconds[name] for name in ("offered", "good", "slow"))
        bad = (offered > 0) & ((good < self._slo.success * offered) | (slow > 0.01 * good))
        if not bad.any():
            return 0.0
        last = int(np.flatnonzero(bad)[-1]) + 1
        return None if last >= bad.size else float(last)


def _rank(n: NDArray[np.int64], share: float) -> Any:
    """Which of n ascending values is the quantile: the inverted CDF."""
    return np.maximum(1, np.ceil(share * n - 1e-9))


def _phase_outcome(span: PhaseSpan, counts: Any, sum_s: float, max_s: float, cells: Any) -> PhaseOutcome:
    offered, good, length_s = int(counts.sum()), int(counts[0]), span.end_s - span.start_s
    reached = np.cumsum(cells)

    def quantile(share: float) -> float:
        place = np.searchsorted(reached, _rank(np.array(good), share))
        return min(max_s, float(cell_middle_s(place, FINE_BITS)))

    ratios: Sequence[float] = (counts[1:] / max(1, offered)).tolist()
    return PhaseOutcome(
        name=span.name,
        start_s=span.start_s,
        end_s=span.end_s,
        surge=span.surge,
        offered_rps=offered / length_s,
        goodput_rps=good / length_s,
        success_ratio=good / offered if offered else None,
        failures=Failures(**dict(zip(FAILURE_KINDS, ratios, strict=True))),
        latency_s=Latency(
            mean=sum_s / good if good else None,
            **{name: quantile(share) if good else None for name, share in QUANTILES.items()},
            max=max_s if good else None,
        ),
    )


def _is_met(total: PhaseOutcome, counts: Any, within: int, slo: Slo) -> bool:
    """Whether the objective held over the whole run, counted exactly; a run without requests meets it."""
    success = total.success_ratio
    if success is None:
        return True
    assert isinstance(success, float)
    good = int(counts[0])
    return success >= slo.success and good > 0 and within >= _rank(np.array(good), 0.99)

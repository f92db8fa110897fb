"""Pods wanted, predicted against measured: how many, and when each step up came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matchday.compare.comparison import ReplicaScore, ScaleUp
from matchday.compare.figures import bounds, score_figure
from scenarios.outcome import Interval, ReplicaChange


@dataclass(frozen=True)
class Step:
    """A moment and the count from then on."""

    time_s: float
    count: float


def score_replicas(
    predicted: Sequence[ReplicaChange], measured: Sequence[ReplicaChange], *, scored: bool
) -> ReplicaScore | None:
    """Score the desired counts; None when a side has no rows."""
    if not predicted or not measured:
        return None
    last, most = _highest(predicted[-1:]), _highest(predicted)
    final = score_figure("replicas.final", "pods", last, measured[-1].desired, scored=scored)
    peak = score_figure("replicas.peak", "pods", most, _highest(measured), scored=scored)
    ups = _scale_ups(predicted, measured)
    differences = [abs(up.difference_s) for up in ups if up.difference_s is not None]
    return ReplicaScore(
        final=final,
        peak=peak,
        final_equal=abs(final.error) < 0.5 if final.error is not None else None,
        scale_ups=ups,
        scale_ups_matched=len(differences) == len(ups) if scored else None,
        largest_difference_s=max(differences) if scored and differences else None,
    )


def _highest(rows: Sequence[ReplicaChange]) -> Interval:
    sides = [bounds(row.desired) for row in rows]
    return Interval(value=max(s.value for s in sides), low=max(s.low for s in sides), high=max(s.high for s in sides))


def _scale_ups(predicted: Sequence[ReplicaChange], measured: Sequence[ReplicaChange]) -> tuple[ScaleUp, ...]:
    """Pair by level: the k-th time that the wanted count rises to `to` or beyond, on each side.

    So 2, 4, 10 against 2, 5, 10 compares when there were to be 4 and when 10, whatever the steps were.
    """
    median = [Step(row.time_s, bounds(row.desired).value) for row in predicted]
    early = [Step(row.time_s, bounds(row.desired).high) for row in predicted]
    late = [Step(row.time_s, bounds(row.desired).low) for row in predicted]
    real = [Step(row.time_s, bounds(row.desired).value) for row in measured]
    rows = []
    for up in rises(real):
        k = len([t for t in crossings(real, up.count) if t < up.time_s])
        when = _nth(crossings(median, up.count), k)
        rows.append(
            ScaleUp(
                to=up.count,
                predicted_s=when,
                predicted_low_s=_nth(crossings(early, up.count), k),
                predicted_high_s=_nth(crossings(late, up.count), k),
                measured_s=up.time_s,
                difference_s=None if when is None else when - up.time_s,
            )
        )
    for up in rises(median):
        k = len([t for t in crossings(median, up.count) if t < up.time_s])
        if _nth(crossings(real, up.count), k) is None:
            rows.append(
                ScaleUp(
                    to=up.count,
                    predicted_s=up.time_s,
                    predicted_low_s=_nth(crossings(early, up.count), k),
                    predicted_high_s=_nth(crossings(late, up.count), k),
                    measured_s=None,
                    difference_s=None,
                )
            )
    return tuple(sorted(rows, key=_moment))


def _moment(row: ScaleUp) -> float:
    """When it came, or should have."""
    return row.measured_s if row.measured_s is not None else row.predicted_s or 0.0


def rises(steps: Sequence[Step]) -> list[Step]:
    """The steps that go up; the first is where it starts, not a rise."""
    return [step for before, step in pairwise(steps) if step.count > before.count]


def crossings(steps: Sequence[Step], level: float) -> list[float]:
    """The moments at which the count comes to `level` or beyond from below."""
    return [step.time_s for before, step in pairwise(steps) if before.count < level <= step.count]


def _nth(times: Sequence[float], k: int) -> float | None:
    return times[k] if k < len(times) else None

"""What a comparison says, written as `matchday/comparison/v1` JSON.

Errors are predicted minus measured, so that a positive one is a prediction that was too high. A figure that does
not exist on one side is null there, and so is everything derived from it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from scenarios.outcome import Record

Unit = Literal["s", "rps", "ratio", "pods"]


class FigureScore(Record):
    """One figure predicted and measured.

    error           predicted - measured, in `unit`; null when a side is missing or the run is not scored
    relative_error  error / measured; null also when measured is zero
    inside          measured lies within [low, high]; false when only one side exists
    counts          whether `inside` enters the share of figures that held: not what both sides were given
                    (offered load), nor what is nothing on both sides (a kind of failure that never came)
    """

    figure: str
    unit: Unit
    predicted: float | None
    low: float | None
    high: float | None
    measured: float | None
    error: float | None = None
    relative_error: float | None = None
    inside: bool | None = None
    counts: bool = False


class PhaseScore(Record):
    """All figures of one phase, or of the whole run."""

    name: str
    start_s: float
    end_s: float
    surge: bool
    figures: tuple[FigureScore, ...]

    def figure(self, name: str) -> FigureScore:
        """The figure of that name (KeyError when there is none)."""
        for figure in self.figures:
            if figure.figure == name:
                return figure
        raise KeyError(name)


class ScaleUp(Record):
    """The desired count rising to `to` pods; `predicted_low_s` is the early end of the interval.

    A scale-up that only one side saw has null on the other.
    """

    to: float
    predicted_s: float | None
    predicted_low_s: float | None
    predicted_high_s: float | None
    measured_s: float | None
    difference_s: float | None


class ReplicaScore(Record):
    """Desired pods: at the end and at most, and when each scale-up came.

    `scale_ups_matched` is whether each one was both predicted and measured.
    """

    final: FigureScore
    peak: FigureScore
    final_equal: bool | None
    scale_ups: tuple[ScaleUp, ...]
    scale_ups_matched: bool | None
    largest_difference_s: float | None


class SloScore(Record):
    """The objective over the whole run: the share of simulated futures that met it, and whether reality did."""

    predicted_probability: float
    measured_met: bool
    p99: FigureScore
    success: FigureScore


class SurgeScore(Record):
    """One surge phase: |predicted - measured| / measured of latencies, goodput's error as a share of offered."""

    phase: str
    mean_error_ratio: float | None
    p50_error_ratio: float | None
    p95_error_ratio: float | None
    goodput_error_ratio: float | None


class Summary(Record):
    """The headline: the worst of each error over the surge phases, and how many intervals held in the whole run.

    `accurate` is whether all errors are within `BOUNDS` of matchday.compare.score.
    """

    surges: tuple[SurgeScore, ...]
    mean_error_ratio: float | None
    p50_error_ratio: float | None
    p95_error_ratio: float | None
    goodput_error_ratio: float | None
    figures_counted: int
    figures_inside: int
    inside_ratio: float | None
    accurate: bool


class Verdict(Record):
    """Two sentences for people."""

    prediction: str
    slo: str


class Comparison(Record):
    """A prediction scored against a measurement. `scored` false: the run is invalid and proves nothing."""

    schema_: Literal["matchday/comparison/v1"] = Field("matchday/comparison/v1", alias="schema")
    scenario: str
    scenario_sha256: str
    scored: bool
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    phases: tuple[PhaseScore, ...]
    total: PhaseScore
    replicas: ReplicaScore | None
    recovery: FigureScore
    slo: SloScore
    summary: Summary | None
    verdict: Verdict

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

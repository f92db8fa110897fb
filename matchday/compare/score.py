"""`compare(predicted, measured) -> Comparison`: every figure of every phase beside its measured twin."""

from __future__ import annotations

from collections.abc import Iterable

from matchday.compare.comparison import (
    Comparison,
    FigureScore,
    PhaseScore,
    SloScore,
    Summary,
    SurgeScore,
)
from matchday.compare.figures import score_figure, score_phase
from matchday.compare.replicas import score_replicas
from matchday.compare.sentences import verdict
from scenarios.errors import ScenarioError
from scenarios.outcome import Outcome

# The accuracy that matchday promises in surge phases: relative errors of latencies, goodput in shares of offered.
BOUNDS = {
    "mean_error_ratio": 0.15,
    "p50_error_ratio": 0.15,
    "p95_error_ratio": 0.25,
    "goodput_error_ratio": 0.05,
}


def compare(predicted: Outcome, measured: Outcome) -> Comparison:
    """Score a prediction against a measurement of the same scenario.

    Raises ScenarioError when the two are not such a pair. A run whose validity is "invalid" is laid side by side but
    not scored. Phases that an interrupted run never reached have null measurements.
    """
    _refuse_strangers(predicted, measured)
    reasons = _why_not_scored(measured)
    scored = not reasons
    reached = [*measured.phases, *[None] * (len(predicted.phases) - len(measured.phases))]
    phases = tuple(score_phase(ours, real, scored=scored) for ours, real in zip(predicted.phases, reached, strict=True))
    total = score_phase(predicted.total, measured.total, scored=scored)
    replicas = score_replicas(predicted.replicas, measured.replicas, scored=scored)
    recovery = score_figure("recovery_s", "s", predicted.recovery_s, measured.recovery_s, scored=scored)
    slo = SloScore(
        predicted_probability=float(predicted.slo.met),
        measured_met=bool(measured.slo.met),
        p99=score_figure("slo.p99_s", "s", predicted.slo.p99_s, measured.slo.p99_s, scored=scored),
        success=score_figure(
            "slo.success_ratio", "ratio", predicted.slo.success_ratio, measured.slo.success_ratio, scored=scored
        ),
    )
    summary = _summary(phases, total, recovery) if scored else None
    return Comparison(
        scenario=measured.scenario,
        scenario_sha256=measured.scenario_sha256,
        scored=scored,
        reasons=reasons,
        notes=_notes(predicted, measured),
        phases=phases,
        total=total,
        replicas=replicas,
        recovery=recovery,
        slo=slo,
        summary=summary,
        verdict=verdict(phases, slo, summary, reasons, predicted.replications),
    )


def _refuse_strangers(predicted: Outcome, measured: Outcome) -> None:
    for outcome, kind in ((predicted, "predicted"), (measured, "measured")):
        if outcome.kind != kind:
            raise ScenarioError(f"kind: {outcome.kind}: a {kind} outcome is needed here")
    if predicted.scenario_sha256 != measured.scenario_sha256:
        raise ScenarioError(
            f"scenario_sha256: {measured.scenario} {measured.scenario_sha256[:12]}: the prediction is of another scenario, "
            f"{predicted.scenario} {predicted.scenario_sha256[:12]}"
        )
    names = [phase.name for phase in predicted.phases]
    real = [phase.name for phase in measured.phases]
    if real != names[: len(real)]:
        raise ScenarioError(f"phases: {', '.join(real)}: the prediction has {', '.join(names)}")


def _why_not_scored(measured: Outcome) -> tuple[str, ...]:
    if measured.validity is None:
        return ("the measurement does not say whether it is valid",)
    if measured.validity.verdict == "invalid":
        return measured.validity.reasons or ("no reason was given",)
    return ()


def _notes(predicted: Outcome, measured: Outcome) -> tuple[str, ...]:
    notes = []
    if predicted.seed != measured.seed:
        notes.append(
            f"The prediction's seed is {predicted.seed}, the run's {measured.seed}: they did not see the same arrivals."
        )
    if predicted.calibration_sha256 is None:
        notes.append("The prediction used the declared workload, not a calibration.")
    elif measured.calibration_sha256 not in {None, predicted.calibration_sha256}:
        notes.append("The prediction used another calibration than the run's.")
    if measured.validity is not None and measured.validity.verdict == "degraded":
        notes.append(f"The run is degraded: {'; '.join(measured.validity.reasons)}.")
    return tuple(notes)


def _summary(phases: tuple[PhaseScore, ...], total: PhaseScore, recovery: FigureScore) -> Summary:
    surging = [phase for phase in phases if phase.surge] or [total]
    surges = tuple(_surge(phase) for phase in surging)
    counted = [f for phase in (*phases, total) for f in phase.figures if f.counts]
    counted += [recovery] if recovery.counts else []
    inside = sum(1 for f in counted if f.inside)
    worst = {name: _worst(getattr(surge, name) for surge in surges) for name in BOUNDS}
    return Summary(
        surges=surges,
        mean_error_ratio=worst["mean_error_ratio"],
        p50_error_ratio=worst["p50_error_ratio"],
        p95_error_ratio=worst["p95_error_ratio"],
        goodput_error_ratio=worst["goodput_error_ratio"],
        figures_counted=len(counted),
        figures_inside=inside,
        inside_ratio=inside / len(counted) if counted else None,
        accurate=all(error is None or error <= BOUNDS[name] for name, error in worst.items())
        and not any(_one_sided(phase) for phase in surging),
    )


def _surge(phase: PhaseScore) -> SurgeScore:
    def relative(name: str) -> float | None:
        return _size(phase.figure(f"latency_s.{name}").relative_error)

    goodput, offered = phase.figure("goodput_rps"), phase.figure("offered_rps").measured
    return SurgeScore(
        phase=phase.name,
        mean_error_ratio=relative("mean"),
        p50_error_ratio=relative("p50"),
        p95_error_ratio=relative("p95"),
        goodput_error_ratio=None if goodput.error is None or not offered else abs(goodput.error) / offered,
    )


def _one_sided(phase: PhaseScore) -> bool:
    """Whether successes were predicted and none came, or the reverse: an error that no ratio can tell."""
    median = phase.figure("latency_s.p50")
    return (median.predicted is None) != (median.measured is None)


def _size(value: float | None) -> float | None:
    return None if value is None else abs(value)


def _worst(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)

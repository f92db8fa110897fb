"""The verdict of a comparison in two sentences."""

from __future__ import annotations

from matchday.compare import words
from matchday.compare.comparison import PhaseScore, SloScore, Summary, Verdict


def verdict(
    phases: tuple[PhaseScore, ...], slo: SloScore, summary: Summary | None, reasons: tuple[str, ...], futures: int
) -> Verdict:
    """`reasons` is why the run was not scored; `futures` how many replications stand behind the prediction."""
    if summary is None:
        why = "; ".join(reasons)
        return Verdict(
            prediction=f"Not scored, the run is invalid: {why}.",
            slo=f"No verdict on the SLO, the run is invalid: {why}. {chance(slo.predicted_probability, futures)}",
        )
    return Verdict(prediction=_prediction(phases, summary), slo=_slo(slo, futures))


def chance(probability: float, futures: int) -> str:
    """How sure the prediction was, in counts rather than in percent."""
    good = round(probability * futures)
    if good == 0:
        return f"None of {futures} simulated futures met it."
    return (
        f"All {futures} simulated futures met it."
        if good == futures
        else f"{good} of {futures} simulated futures met it."
    )


def _prediction(phases: tuple[PhaseScore, ...], summary: Summary) -> str:
    several = sum(phase.surge for phase in phases) > 1
    where = "In the worst of the surge phases" if several else "In the surge"
    errors = [
        ("p95", summary.p95_error_ratio),
        ("p50", summary.p50_error_ratio),
        ("the mean", summary.mean_error_ratio),
    ]
    told = [
        f"{name} was predicted within {words.bound_percent(error)}" for name, error in errors[:1] if error is not None
    ]
    told += [f"{name} within {words.bound_percent(error)}" for name, error in errors[1:] if error is not None]
    if summary.goodput_error_ratio is not None:
        told.append(f"goodput within {words.points(summary.goodput_error_ratio)} of offered")
    held = f"{summary.figures_inside} of {summary.figures_counted} figures fell inside their 90 % interval"
    if not told:
        return f"{where} nothing succeeded that latencies could be compared by; {held}."
    return f"{where} {words.join(told)}; {held}."


def _slo(slo: SloScore, futures: int) -> str:
    met = "met" if slo.measured_met else "missed"
    p99, success = words.seconds(slo.p99.measured), words.percent(slo.success.measured)
    return (
        f"The SLO was {met}: p99 {p99}, {success} of requests succeeded. {chance(slo.predicted_probability, futures)}"
    )

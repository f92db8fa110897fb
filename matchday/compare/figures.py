"""One figure predicted against one measured, and the figures a phase has."""

from __future__ import annotations

from collections.abc import Iterator

from matchday.compare.comparison import FigureScore, PhaseScore, Unit
from scenarios.outcome import FAILURE_KINDS, Figure, Interval, PhaseOutcome

LATENCIES = ("mean", "p50", "p90", "p95", "p99", "p999", "max")

_ROUNDING = 1e-9  # an end of an interval that went through JSON still contains itself


def bounds(figure: Figure) -> Interval:
    """The figure as an interval; a plain number is one of no width."""
    return figure if isinstance(figure, Interval) else Interval(value=figure, low=figure, high=figure)


def plain(figure: Figure | None) -> float | None:
    """The figure as one number: the median of an interval."""
    return None if figure is None else bounds(figure).value


def score_figure(
    name: str,
    unit: Unit,
    predicted: Figure | None,
    measured: Figure | None,
    *,
    scored: bool,
    given: bool = False,
) -> FigureScore:
    """Score one figure. `given` marks what both sides were told rather than found out."""
    side = None if predicted is None else bounds(predicted)
    real = plain(measured)
    error = None if not scored or side is None or real is None else side.value - real
    inside: bool | None = None
    if scored and side is not None and real is not None:
        slack = _ROUNDING * max(abs(side.low), abs(side.high))
        inside = side.low - slack <= real <= side.high + slack
    elif scored and (side is not None or real is not None):
        inside = False
    never = real in {None, 0.0} and (side is None or side.low == side.high == 0.0)
    return FigureScore(
        figure=name,
        unit=unit,
        predicted=None if side is None else side.value,
        low=None if side is None else side.low,
        high=None if side is None else side.high,
        measured=real,
        error=error,
        relative_error=None if error is None or not real else error / abs(real),
        inside=inside,
        counts=inside is not None and not given and not never,
    )


def figures_of(phase: PhaseOutcome) -> Iterator[tuple[str, Unit, Figure | None]]:
    """Name, unit and value of every figure of a phase, in the order people read them."""
    yield "offered_rps", "rps", phase.offered_rps
    yield "goodput_rps", "rps", phase.goodput_rps
    yield "success_ratio", "ratio", phase.success_ratio
    for name in LATENCIES:
        yield f"latency_s.{name}", "s", getattr(phase.latency_s, name)
    for kind in FAILURE_KINDS:
        yield f"failures.{kind}", "ratio", getattr(phase.failures, kind)


def score_phase(predicted: PhaseOutcome, measured: PhaseOutcome | None, *, scored: bool) -> PhaseScore:
    """Score every figure of a phase; `measured` is None when the run did not get that far."""
    real = {name: value for name, _, value in figures_of(measured)} if measured is not None else {}
    return PhaseScore(
        name=predicted.name,
        start_s=predicted.start_s,
        end_s=predicted.end_s,
        surge=predicted.surge,
        figures=tuple(
            score_figure(name, unit, value, real.get(name), scored=scored and bool(real), given=name == "offered_rps")
            for name, unit, value in figures_of(predicted)
        ),
    )

"""The tables of a report: each phase predicted beside measured, or one of them alone, and when the pods came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from matchday.compare.comparison import Comparison, FigureScore, PhaseScore, Unit
from matchday.compare.figures import plain
from matchday.compare.words import NOTHING, figure, interval, pods, seconds, signed
from matchday.report.record import Record
from scenarios.outcome import Figure, Interval, PhaseOutcome


@dataclass(frozen=True)
class Cell:
    """A table cell; `mark` is `in` or `out` of the predicted interval, or nothing.

    `note` is said after it in smaller letters; where there is little room, its parts stand under each other.
    """

    text: str
    mark: Literal["in", "out", ""] = ""
    note: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A captioned table; `note` explains it in a sentence."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


def tables(record: Record) -> Iterator[Table]:
    """Those that the run has figures for."""
    if record.comparison is not None:
        comparison = record.comparison
        phases = (*comparison.phases, comparison.total)
        note = "Measured, then predicted with its 90 % interval; ✓ inside the interval, ✗ outside."
        head = ("phase", "goodput", "success", "mean", "p50", "p95", "p99")
        yield Table("Predicted beside measured", head, tuple(_score_row(phase) for phase in phases), note)
        if comparison.replicas is not None:
            yield _scale_ups(comparison)
        return
    outcome = record.measurement or record.prediction
    if outcome is not None:
        head = ("phase", "offered", "goodput", "success", "p50", "p95", "p99")
        rows = tuple(_outcome_row(phase) for phase in (*outcome.phases, outcome.total))
        note = "The median of the simulated futures, then their 90 % interval." if outcome.replications > 1 else ""
        yield Table(f"As {outcome.kind}", head, rows, note)


def _score_row(phase: PhaseScore) -> tuple[Cell, ...]:
    names = ("goodput_rps", "success_ratio", "latency_s.mean", "latency_s.p50", "latency_s.p95", "latency_s.p99")
    return (_when(phase), *(score_cell(phase.figure(name)) for name in names))


def _when(phase: PhaseScore | PhaseOutcome) -> Cell:
    """The phase's name, and when it is."""
    return Cell(phase.name, note=(f"{phase.start_s:g}–{phase.end_s:g} s",))


def score_cell(score: FigureScore) -> Cell:
    """Measured, and in the note predicted with its interval, which repeats the unit only where it changes."""
    mark: Literal["in", "out", ""] = "" if score.inside is None else "in" if score.inside else "out"
    predicted = figure(score.predicted, score.unit)
    spread = _spread(predicted, score.low, score.high, score.unit)
    return Cell(figure(score.measured, score.unit), mark, (predicted, *spread))


def _spread(middle: str, low: float | None, high: float | None, unit: Unit) -> tuple[str, ...]:
    """The interval in brackets, without the unit that `middle` has said already; nothing when it says no more."""
    spread = interval(low, high, unit)
    if spread == middle:
        return ()
    said = f" {middle.rpartition(' ')[2]}"
    if spread.endswith(said) and spread.count(" ") == 1:  # an interval from ms to s keeps both
        spread = spread.removesuffix(said)
    return (f"({spread})",) if spread else ()


def _scale_ups(comparison: Comparison) -> Table:
    replicas = comparison.replicas
    assert replicas is not None
    rows = [
        (
            Cell(f"to {step.to:g} pods"),
            Cell(seconds(step.predicted_s)),
            Cell(seconds(step.measured_s)),
            Cell(_difference(step.difference_s)),
        )
        for step in replicas.scale_ups
    ]
    rows.append(
        (
            Cell("pods at the end"),
            Cell(pods(replicas.final.predicted)),
            Cell(pods(replicas.final.measured)),
            Cell(NOTHING),
        )
    )
    return Table("Scaling", ("", "predicted", "measured", "difference"), tuple(rows))


def _difference(value_s: float | None) -> str:
    return seconds(None) if value_s is None else signed(value_s, seconds(abs(value_s)))


def _outcome_row(phase: PhaseOutcome) -> tuple[Cell, ...]:
    latency = phase.latency_s
    return (
        _when(phase),
        _figure_cell(phase.offered_rps, "rps"),
        _figure_cell(phase.goodput_rps, "rps"),
        _figure_cell(phase.success_ratio, "ratio"),
        *(_figure_cell(value, "s") for value in (latency.p50, latency.p95, latency.p99)),
    )


def _figure_cell(value: Figure | None, unit: Unit) -> Cell:
    text = figure(plain(value), unit)
    if not isinstance(value, Interval):
        return Cell(text)
    return Cell(text, note=_spread(text, value.low, value.high, unit))

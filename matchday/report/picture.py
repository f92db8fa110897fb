"""What every picture is made of: panels that share a legend, a sentence under the title, and the data as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matchday.compare.figures import plain
from matchday.report.chart import Band, Chart, Line, Point, Ranged, Span
from matchday.report.ranges import Ranges
from scenarios.outcome import Figure, Interval, Outcome

Outcomes = tuple[Outcome | None, Outcome | None]  # predicted, measured
KINDS = ("predicted", "measured")


@dataclass(frozen=True)
class Key:
    """An entry of the legend, drawn as the thing it stands for."""

    shape: Literal["line", "band", "dot", "tick", "area"]
    css: str
    label: str


BAND = Key("band", "predicted", "predicted, 90 % interval")
MEDIAN = Key("line", "predicted", "predicted median")
MEASURED = Key("line", "measured", "measured")
SURGE = Key("area", "surge", "surge")
LIMIT = Key("line", "limit", "SLO's limit")


@dataclass(frozen=True)
class Picture:
    """Panels under one title, and their data: a head and rows of texts. No panels: the note says why."""

    title: str
    note: str
    legend: tuple[Key, ...]
    panels: tuple[Chart | Ranges, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def legend_of(outcomes: Outcomes, *more: Key) -> tuple[Key, ...]:
    """The keys of what there is, and `more`."""
    predicted, measured = outcomes
    return (
        *((BAND, MEDIAN) if predicted is not None else ()),
        *((MEASURED,) if measured is not None else ()),
        *more,
        *((SURGE,) if any(span.shaded for span in spans(outcomes)) else ()),
    )


def end_s(outcomes: Outcomes) -> float:
    """When the longer of both ends."""
    return max(outcome.phases[-1].end_s for outcome in outcomes if outcome is not None)


def spans(outcomes: Outcomes) -> tuple[Span, ...]:
    """The phases, as the prediction knows them; it has them all even when the run was interrupted."""
    outcome = outcomes[0] or outcomes[1]
    return tuple(Span(p.name, p.start_s, p.end_s, p.surge) for p in outcome.phases) if outcome else ()


def points(outcome: Outcome, figures: Sequence[Figure | None]) -> list[Point]:
    """A figure a bucket, drawn at the bucket's middle."""
    middle = outcome.series.bucket_s / 2
    return [(t + middle, plain(f)) for t, f in zip(outcome.series.time_s, figures, strict=True)]


def ranged(outcome: Outcome, figures: Sequence[Figure | None]) -> list[Ranged | None]:
    """An interval a bucket, drawn at the bucket's middle."""
    middle = outcome.series.bucket_s / 2
    pairs = zip(outcome.series.time_s, figures, strict=True)
    return [(t + middle, f.low, f.high) if isinstance(f, Interval) else None for t, f in pairs]


def told(lines: Sequence[Line], unit: str) -> str:
    """Lowest and highest of each line, for those who do not see it."""
    parts = []
    for line in lines:
        drawn = [(y, x) for x, y in line.points if y is not None]
        if drawn:
            (low, _), (high, at) = min(drawn), max(drawn, key=lambda pair: pair[0])
            parts.append(f"{line.label} from {low:.3g} to {high:.3g} {unit}, highest at {at:.3g} s")
    return "; ".join(parts) or "nothing to show"


def shown(figure: Figure | None, factor: float = 1.0) -> str:
    """A cell of a data table."""
    if figure is None:
        return "–"
    if isinstance(figure, Interval):
        middle, low, high = (f"{value * factor:.4g}" for value in (figure.value, figure.low, figure.high))
        return middle if low == high else f"{middle} ({low} to {high})"
    return f"{figure * factor:.4g}"


def band_and_lines(
    outcomes: Outcomes, figures: tuple[Sequence[Figure | None] | None, Sequence[Figure | None] | None]
) -> tuple[list[Band], list[Line]]:
    """The band, the measured line, and over it the dashed median, which would else be hidden where they agree."""
    predicted, measured = outcomes
    bands, lines = [], []
    if measured is not None and figures[1] is not None:
        lines.append(Line(MEASURED.label, "measured", points(measured, figures[1])))
    if predicted is not None and figures[0] is not None:
        bands.append(Band(BAND.label, "predicted", ranged(predicted, figures[0])))
        lines.append(Line(MEDIAN.label, "predicted", points(predicted, figures[0])))
    return bands, lines

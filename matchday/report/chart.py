"""Line charts over time: curves as inline SVG that stretches, words as HTML over it that never shrinks.

A line is a list of (x, y), y None where there is nothing; a band a list of (x, low, high), None for a gap. Colours
and line patterns belong to the page's style sheet, so that dark mode and print apply to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from matchday.report import axis
from matchday.report.axis import Axis

WIDTH, HEIGHT = 1000, 200  # of the drawing's own coordinates; on the page it is as wide as its column

Point = tuple[float, float | None]
Ranged = tuple[float, float, float]


@dataclass(frozen=True)
class Line:
    """One curve; `css` is `predicted`, `measured` or `offered`. `steps` draws a staircase."""

    label: str
    css: str
    points: Sequence[Point]
    steps: bool = False


@dataclass(frozen=True)
class Band:
    """The space between two curves."""

    label: str
    css: str
    points: Sequence[Ranged | None]


@dataclass(frozen=True)
class Span:
    """A named stretch of the x axis."""

    label: str
    start: float
    end: float
    shaded: bool


@dataclass(frozen=True)
class Limit:
    """A value that should not be passed, drawn across the whole picture with its `text` on it."""

    text: str
    value: float


@dataclass(frozen=True)
class Chart:
    """One picture. `title` and `summary` are read out by a screen reader, `unit` heads the y axis."""

    title: str
    summary: str
    unit: str
    x_end_s: float
    y: Axis
    y_text: Callable[[float], str] = "{:g}".format
    lines: Sequence[Line] = ()
    bands: Sequence[Band] = ()
    spans: Sequence[Span] = ()
    limits: Sequence[Limit] = ()


def heights(lines: Sequence[Line] = (), bands: Sequence[Band] = (), limits: Sequence[Limit] = ()) -> list[float]:
    """Every y value that is drawn, for an axis that holds them all."""
    drawn = [y for line in lines for _, y in line.points if y is not None]
    drawn += [y for band in bands for point in band.points if point is not None for y in point[1:]]
    return drawn + [limit.value for limit in limits]


def render(chart: Chart) -> str:
    """The picture as a well-formed piece of HTML."""
    x = axis.time(chart.x_end_s)
    parts = [
        f'<div class="chart" role="img" aria-label="{escape(f"{chart.title}: {chart.summary}")}">',
        f'<div class="unit">{escape(chart.unit)}</div><div class="area">',
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true" focusable="false">',
        *_drawn(chart, x),
        "</svg>",
        *_words(chart, x),
        "</div></div>",
    ]
    return "".join(parts)


def _drawn(chart: Chart, x: Axis) -> Iterator[str]:
    for span in chart.spans:
        start, end = _across(x, span.start), _across(x, span.end)
        if span.shaded:
            yield f'<rect class="surge" x="{start:.1f}" y="0" width="{end - start:.1f}" height="{HEIGHT}"/>'
        if start > 0:
            yield f'<path class="phase-start" d="M{start:.1f},0V{HEIGHT}"/>'
    for css, values in (("faint", chart.y.faint), ("grid", chart.y.ticks)):
        for value in values:
            yield f'<path class="{css}" d="M0,{_up(chart.y, value):.1f}H{WIDTH}"/>'
    for band in chart.bands:
        yield _band(band, x, chart.y)
    for line in chart.lines:
        yield _line(line, x, chart.y)
    for limit in chart.limits:
        yield f'<path class="line limit" d="M0,{_up(chart.y, limit.value):.1f}H{WIDTH}"/>'


def _words(chart: Chart, x: Axis) -> Iterator[str]:
    for span in chart.spans:
        left, right = 100 * x.share(span.start), 100 * x.share(span.end)
        text = escape(span.label)
        yield f'<div class="phase" style="left:{left:.2f}%;width:{right - left:.2f}%"><span>{text}</span></div>'
    for value in chart.y.ticks:
        at = 100 * chart.y.share(value)
        yield f'<div class="tick y" style="bottom:{at:.2f}%">{escape(chart.y_text(value))}</div>'
    for limit in chart.limits:
        at = 100 * chart.y.share(limit.value)
        yield f'<div class="limit-text" style="bottom:{at:.2f}%">{escape(limit.text)}</div>'
    for value in x.ticks:
        at = 100 * x.share(value)
        css = "tick x last" if at > 97 else "tick x"
        yield f'<div class="{css}" style="left:{at:.2f}%">{axis.time_text(value, x.high)}</div>'


def _across(x: Axis, value: float) -> float:
    return WIDTH * x.share(value)


def _up(y: Axis, value: float) -> float:
    return HEIGHT * (1 - y.share(value))


def _line(line: Line, x: Axis, y: Axis) -> str:
    """A curve, broken where there is no value."""
    pieces: list[str] = []
    pen_down = False
    for at, value in line.points:
        if value is None:
            pen_down = False
            continue
        across, up = f"{_across(x, at):.1f}", f"{_up(y, value):.1f}"
        if not pen_down:
            pieces.append(f"M{across},{up}h0")  # h0: a value between two gaps is a dot, not nothing
        else:
            pieces.append(f"H{across}V{up}" if line.steps else f"L{across},{up}")
        pen_down = True
    return f'<path class="line {line.css}" d="{"".join(pieces)}"/>' if pieces else ""


def _band(band: Band, x: Axis, y: Axis) -> str:
    """An area, in as many pieces as the gaps leave."""
    pieces = []
    for filled, group in groupby(band.points, key=lambda point: point is not None):
        points = [point for point in group if point is not None]
        if filled:
            there = [f"{_across(x, at):.1f},{_up(y, high):.1f}" for at, _, high in points]
            back = [f"{_across(x, at):.1f},{_up(y, low):.1f}" for at, low, _ in reversed(points)]
            pieces.append(f"M{'L'.join(there + back)}Z")
    return f'<path class="band {band.css}" d="{"".join(pieces)}"/>' if pieces else ""

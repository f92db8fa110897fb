"""Line charts as inline SVG: drawn by hand, so that the page's own colours, dark mode and print apply to them.

A line is a list of (x, y) with None where there is nothing; a band a list of (x, low, high).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 760, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 10, 26, 30

Point = tuple[float, float | None]
Ranged = tuple[float, float, float]


@dataclass(frozen=True)
class Line:
    """One curve; `css` is `predicted`, `measured` or another class of the page. `steps` draws a staircase."""

    label: str
    css: str
    points: Sequence[Point]
    steps: bool = False


@dataclass(frozen=True)
class Band:
    """The space between two curves."""

    label: str
    css: str
    points: Sequence[Ranged]


@dataclass(frozen=True)
class Span:
    """A named stretch of the x axis."""

    label: str
    start: float
    end: float
    shaded: bool


@dataclass(frozen=True)
class Chart:
    """One picture. `title` and `summary` are read out by a screen reader; `unit` heads the y axis."""

    title: str
    summary: str
    unit: str
    x_max: float
    lines: Sequence[Line] = ()
    bands: Sequence[Band] = ()
    spans: Sequence[Span] = field(default_factory=tuple)
    x_unit: str = "s"


def render(chart: Chart) -> str:
    """The SVG element."""
    y_max = _nice_top(max([*_heights(chart), 1e-9]))
    frame = _Frame(chart.x_max, y_max)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(chart.title + ": " + chart.summary)}">',
        f'<text class="unit" x="{_LEFT}" y="12">{escape(chart.unit)}</text>',
    ]
    for span in chart.spans:
        x, width = frame.x(span.start), frame.x(span.end) - frame.x(span.start)
        css = "span surge" if span.shaded else "span"
        parts.append(f'<rect class="{css}" x="{x:.1f}" y="{_TOP}" width="{width:.1f}" height="{frame.height}"/>')
        if width > 7 * len(span.label):
            parts.append(f'<text class="phase" x="{x + 4:.1f}" y="{_TOP + 12}">{escape(span.label)}</text>')
    for tick in _ticks(y_max):
        y = frame.y(tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" text-anchor="end" x="{_LEFT - 6}" y="{y + 4:.1f}">{tick:g}</text>')
    for tick in _ticks(chart.x_max):
        anchor = "end" if frame.x(tick) > WIDTH - _RIGHT - 12 else "middle"
        parts.append(
            f'<text class="tick" text-anchor="{anchor}" x="{frame.x(tick):.1f}" y="{HEIGHT - 10}">'
            f"{tick:g} {chart.x_unit if tick else ''}</text>"
        )
    parts += [_band(frame, band) for band in chart.bands]
    parts += [_line(frame, line) for line in chart.lines]
    return "".join([*parts, "</svg>"])


@dataclass(frozen=True)
class _Frame:
    x_max: float
    y_max: float
    height: int = HEIGHT - _TOP - _BOTTOM

    def x(self, value: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * min(1.0, max(0.0, value / self.x_max))

    def y(self, value: float) -> float:
        return _TOP + self.height * (1 - min(1.0, max(0.0, value / self.y_max)))


def _heights(chart: Chart) -> list[float]:
    lines = [y for line in chart.lines for _, y in line.points if y is not None]
    return lines + [high for band in chart.bands for _, _, high in band.points]


def _nice_top(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten that is not below."""
    scale = 10.0 ** math.floor(math.log10(value))
    return next(step * scale for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * scale >= value * 0.999)


def _ticks(top: float) -> list[float]:
    rough = top / 5
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(s * scale for s in (1, 2, 2.5, 5, 10) if s * scale >= rough * 0.999)
    return [round(i * step, 10) for i in range(int(top / step + 1e-9) + 1)]


def _line(frame: _Frame, line: Line) -> str:
    """A polyline, broken where there is no value."""
    pieces: list[str] = []
    pen_down = False
    previous: float | None = None
    for x, y in line.points:
        if y is None:
            pen_down = False
            continue
        at = f"{frame.x(x):.1f},{frame.y(y):.1f}"
        if pen_down and line.steps and previous is not None:
            pieces.append(f"L{frame.x(x):.1f},{frame.y(previous):.1f}")
        pieces.append(("L" if pen_down else "M") + at)
        pen_down, previous = True, y
    return f'<path class="line {line.css}" d="{"".join(pieces)}"/>' if pieces else ""


def _band(frame: _Frame, band: Band) -> str:
    if not band.points:
        return ""
    there = [f"{frame.x(x):.1f},{frame.y(high):.1f}" for x, _, high in band.points]
    back = [f"{frame.x(x):.1f},{frame.y(low):.1f}" for x, low, _ in reversed(band.points)]
    return f'<polygon class="band {band.css}" points="{" ".join(there + back)}"/>'

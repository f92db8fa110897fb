"""Predicted intervals and measured dots on one axis, a row each: for shares that are not curves over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from matchday.compare.words import percent
from matchday.report.axis import Axis
from scenarios.outcome import Interval

_RADIUS = 5  # pixels of the measured dot


@dataclass(frozen=True)
class Row:
    """One ratio: predicted, measured, either may be missing; `limit` is what it should not pass."""

    label: str
    predicted: Interval | None
    measured: float | None
    limit: float | None = None


@dataclass(frozen=True)
class Group:
    """Rows under a heading."""

    head: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class Ranges:
    """The whole picture; `title` and `summary` are read out by a screen reader."""

    title: str
    summary: str
    x: Axis
    groups: Sequence[Group]


def render(ranges: Ranges) -> str:
    """The picture as a well-formed piece of HTML."""
    label = escape(f"{ranges.title}: {ranges.summary}")
    parts = [f'<div class="ranges" role="img" aria-label="{label}">']
    for group in ranges.groups:
        parts.append(f'<div class="group">{escape(group.head)}</div>')
        parts += [_row(ranges, row) for row in group.rows]
    ticks = "".join(
        f'<div class="tick x{" last" if value == ranges.x.high else ""}" style="left:{100 * ranges.x.share(value):.2f}%">'
        f"{100 * value:g} %</div>"
        for value in ranges.x.ticks
    )
    return "".join([*parts, f'<div class="row axis"><span></span><div class="track">{ticks}</div></div></div>'])


def _row(ranges: Ranges, row: Row) -> str:
    return (
        f'<div class="row"><span class="name">{escape(row.label)}</span><div class="track">'
        f'<svg aria-hidden="true" focusable="false">{"".join(_drawn(ranges.x, row))}</svg></div>'
        f'<span class="numbers">{escape(said(row))}</span></div>'
    )


def _drawn(x: Axis, row: Row) -> Iterator[str]:
    def at(value: float) -> str:
        return f"{100 * x.share(value):.2f}%"

    for value in x.ticks:
        yield f'<line class="grid" x1="{at(value)}" x2="{at(value)}" y1="0" y2="100%"/>'
    if row.predicted is not None:
        low, high = x.share(row.predicted.low), x.share(row.predicted.high)
        yield f'<rect class="band predicted" x="{at(row.predicted.low)}" width="{100 * (high - low):.2f}%" y="20%" height="60%"/>'
        middle = at(row.predicted.value)
        yield f'<line class="line predicted" x1="{middle}" x2="{middle}" y1="12%" y2="88%"/>'
    if row.limit is not None:
        yield f'<line class="line limit" x1="{at(row.limit)}" x2="{at(row.limit)}" y1="0" y2="100%"/>'
    if row.measured is not None:
        yield f'<circle class="dot measured" cx="{at(row.measured)}" cy="50%" r="{_RADIUS}"/>'


def said(row: Row) -> str:
    """`1.2 %, predicted 1.4 % (1.1 % to 1.7 %)`."""
    parts = [] if row.measured is None else [percent(row.measured)]
    if row.predicted is not None:
        low, high = percent(row.predicted.low), percent(row.predicted.high)
        spread = "" if low == high else f" ({low} to {high})"
        parts.append(f"predicted {percent(row.predicted.value)}{spread}")
    return ", ".join(parts)

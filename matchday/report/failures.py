"""The picture of failures by kind: of each phase the predicted interval beside what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest

from matchday.compare.figures import bounds, plain
from matchday.report import axis
from matchday.report.picture import BAND, KINDS, LIMIT, MEDIAN, Key, Outcomes, Picture, shown
from matchday.report.ranges import Group, Ranges, Row, said
from scenarios.outcome import FAILURE_KINDS, Figure, Interval, PhaseOutcome
from scenarios.schema import Slo

Pair = tuple[str, PhaseOutcome | None, PhaseOutcome | None]  # name, predicted, measured
_TITLE = "Failures by kind"


def failures_by_kind(outcomes: Outcomes, slo: Slo | None) -> Picture:
    """A group of rows a kind that occurs; before them all kinds together, against the SLO's limit."""
    phases, total = _phases(outcomes), _total(outcomes)
    groups = [*_together(total, slo), *_kinds([*phases, total])]
    drawn = [v for group in groups for row in group.rows for v in _values(row)]
    occurs = any(group.head in map(_words, FAILURE_KINDS) for group in groups)
    note = (
        "Shares of the requests offered in the phase. A phase in which a kind did not occur has no row."
        if occurs
        else "Nothing failed, neither in the prediction nor in the measurement."
        if all(outcomes)
        else "Nothing failed."
    )
    summary = ". ".join(f"{group.head}: {'; '.join(f'{r.label} {said(r)}' for r in group.rows)}" for group in groups)
    panels = (Ranges(_TITLE, summary, axis.linear(drawn), tuple(groups)),) if any(drawn) else ()
    predicted, measured = outcomes
    legend = (
        *((BAND, replace(MEDIAN, shape="tick")) if predicted is not None else ()),
        *((Key("dot", "measured", "measured"),) if measured is not None else ()),
        *((replace(LIMIT, shape="tick"),) if slo is not None else ()),
    )
    head = ("phase", "", *(f"{_words(kind)}, %" for kind in FAILURE_KINDS))
    return Picture(_TITLE, note, legend if panels else (), panels, head, tuple(_rows([*phases, total])))


def _phases(outcomes: Outcomes) -> list[Pair]:
    """Each phase of either outcome, paired by its place in the schedule; an interrupted run has fewer."""
    predicted, measured = ((o.phases if o is not None else ()) for o in outcomes)
    names = [phase.name for phase in max(predicted, measured, key=len)]
    return list(zip_longest(names, predicted, measured))


def _total(outcomes: Outcomes) -> Pair:
    predicted, measured = (None if outcome is None else outcome.total for outcome in outcomes)
    return "whole run", predicted, measured


def _together(total: Pair, slo: Slo | None) -> Iterator[Group]:
    name, *sides = total
    predicted, measured = (None if phase is None else phase.success_ratio for phase in sides)
    if predicted is None and measured is None:
        return
    succeeded = None if predicted is None else bounds(predicted)
    failed = (
        None
        if succeeded is None
        else Interval(value=1 - succeeded.value, low=1 - succeeded.high, high=1 - succeeded.low)
    )
    reached = plain(measured)
    row = Row(name, failed, None if reached is None else 1 - reached, None if slo is None else 1 - slo.success)
    limit = "" if slo is None else f", which the SLO limits to {100 * (1 - slo.success):g}\N{NO-BREAK SPACE}%"
    yield Group(f"all kinds together{limit}", (row,))


def _kinds(phases: list[Pair]) -> Iterator[Group]:
    for kind in FAILURE_KINDS:
        rows = []
        for name, predicted, measured in phases:
            expected = None if predicted is None else bounds(getattr(predicted.failures, kind))
            real = None if measured is None else plain(getattr(measured.failures, kind))
            if real or (expected is not None and expected.high > 0):
                rows.append(Row(name, expected, real))
        if rows:
            yield Group(_words(kind), tuple(rows))


def _values(row: Row) -> Iterator[float]:
    if row.predicted is not None:
        yield row.predicted.high
    yield from (value for value in (row.measured, row.limit) if value is not None)


def _rows(phases: list[Pair]) -> Iterator[tuple[str, ...]]:
    for name, *sides in phases:
        for phase, side in zip(sides, KINDS, strict=True):
            if phase is not None:
                figures: list[Figure] = [getattr(phase.failures, kind) for kind in FAILURE_KINDS]
                yield (name, side, *(shown(figure, 100) for figure in figures))


def _words(kind: str) -> str:
    return kind.replace("_", " ")

"""Which pictures a run shows, in the order a reader asks: was it served, how fast, by how many pods, what was lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matchday.compare.figures import bounds, plain
from matchday.report import axis
from matchday.report.chart import Band, Chart, Limit, Line, Point, Ranged, heights
from matchday.report.failures import failures_by_kind
from matchday.report.picture import (
    KINDS,
    LIMIT,
    Key,
    Outcomes,
    Picture,
    band_and_lines,
    end_s,
    legend_of,
    points,
    shown,
    spans,
    told,
)
from scenarios.outcome import Figure, Interval, Outcome, ReplicaChange
from scenarios.schema import Slo

Get = Callable[[Outcome], Sequence[Figure | None]]


def pictures(prediction: Outcome | None, measurement: Outcome | None, slo: Slo | None = None) -> list[Picture]:
    """All pictures there is data for; without `slo` no limits are drawn."""
    outcomes = (prediction, measurement)
    if prediction is None and measurement is None:
        return []
    return [
        _served(outcomes),
        _latency(outcomes, slo),
        _pods(outcomes),
        _waiting(outcomes),
        _lost(outcomes),
        failures_by_kind(outcomes, slo),
    ]


@dataclass(frozen=True)
class _Column:
    """A figure of each bucket, in the data table multiplied by `factor`."""

    name: str
    get: Get
    factor: float = 1.0


def _served(outcomes: Outcomes) -> Picture:
    served, offered = (
        _Column("served", lambda o: o.series.goodput_rps),
        _Column("offered", lambda o: o.series.offered_rps),
    )
    told_to = next(o for o in reversed(outcomes) if o is not None)
    line = Line("offered", "offered", points(told_to, told_to.series.offered_rps))
    bands, lines = _both(outcomes, served.get)
    chart = _linear("Offered and served", "requests a second", outcomes, bands, [line, *lines])
    note = f"Requests sent in each {_bucket(outcomes)}, and how many of them were answered well."
    head, rows = _table(outcomes, offered, served)
    legend = legend_of(outcomes, Key("line", "offered", "offered"))
    return Picture(chart.title, note, legend, (chart,), head, rows)


def _latency(outcomes: Outcomes, slo: Slo | None) -> Picture:
    """Both quantiles on one logarithmic axis: on a linear one a surge of seconds flattens the base's milliseconds."""
    p99, p50 = _Column("p99", lambda o: o.series.p99_s, 1000), _Column("p50", lambda o: o.series.p50_s, 1000)
    limits = [Limit(f"SLO: p99 at most {_seconds(slo.p99)}", slo.p99)] if slo is not None else []
    drawn = [_both(outcomes, column.get) for column in (p99, p50)]
    y = axis.logarithmic([*(v for bands, lines in drawn for v in heights(lines, bands)), *heights(limits=limits)])
    panels = []
    for (bands, lines), name, bound in zip(drawn, ("99th percentile", "median"), (limits, []), strict=True):
        summary = told(lines, "seconds") + "".join(f"; {limit.text}" for limit in bound)
        panels.append(
            Chart(f"Latency, {name}", summary, name, end_s(outcomes), y, _seconds, lines, bands, spans(outcomes), bound)
        )
    note = f"Of the successful requests sent in each {_bucket(outcomes)}, on a logarithmic scale."
    note += " The SLO's limit is one for the whole run." if slo is not None else ""
    head, rows = _table(outcomes, p99, p50, unit="ms")
    return Picture("Latency", note, legend_of(outcomes, *([LIMIT] if limits else [])), tuple(panels), head, rows)


def _waiting(outcomes: Outcomes) -> Picture:
    queued = _Column("waiting", lambda o: o.series.queued)
    chart = _linear("Waiting in the proxy's queue", "requests", outcomes, *_both(outcomes, queued.get))
    note = f"Requests that wait for a pod to have room, on average over each {_bucket(outcomes)}."
    return Picture(chart.title, note, legend_of(outcomes), (chart,), *_table(outcomes, queued))


def _lost(outcomes: Outcomes) -> Picture:
    lost = _Column("lost", _lost_rps)
    chart = _linear("Requests lost", "requests a second", outcomes, *_both(outcomes, lost.get))
    note = f"Offered and not answered well, by when they were sent, in each {_bucket(outcomes)}."
    return Picture(chart.title, note, legend_of(outcomes), (chart,), *_table(outcomes, lost))


def _lost_rps(outcome: Outcome) -> list[Figure]:
    """Offered minus served: an interval only where all futures were offered the same, else the medians' difference."""
    lost: list[Figure] = []
    for offered, served in zip(outcome.series.offered_rps, outcome.series.goodput_rps, strict=True):
        sent, good = bounds(offered), bounds(served)
        if isinstance(served, Interval) and sent.low == sent.high:
            low, middle, high = (max(0.0, sent.value - value) for value in (good.high, good.value, good.low))
            lost.append(Interval(value=middle, low=low, high=high))
        else:
            lost.append(max(0.0, sent.value - good.value))
    return lost


def _pods(outcomes: Outcomes) -> Picture:
    """What the autoscaler asked for and what took traffic, on the same axis one above the other."""
    wanted: list[tuple[str, Callable[[ReplicaChange], Figure]]] = [
        ("desired by the autoscaler", lambda change: change.desired),
        ("in rotation", lambda change: change.in_rotation),
    ]
    drawn = [_stairs(outcomes, get) for _, get in wanted]
    y = axis.linear([v for bands, lines in drawn for v in heights(lines, bands)], whole=True)
    panels = tuple(
        Chart(
            f"Pods {name}",
            told(lines, "pods"),
            f"pods {name}",
            end_s(outcomes),
            y,
            "{:g}".format,
            lines,
            bands,
            spans(outcomes),
        )
        for (bands, lines), (name, _) in zip(drawn, wanted, strict=True)
    )
    rows = [
        (
            f"{change.time_s:.1f} s",
            kind,
            *(shown(figure) for figure in (change.desired, change.ready, change.in_rotation)),
        )
        for outcome, kind in zip(outcomes, KINDS, strict=True)
        for change in (outcome.replicas if outcome is not None else ())
    ]
    note = "A pod takes traffic only after it has started, so the lower steps follow the upper ones."
    head = ("from", "", "desired", "ready", "in rotation")
    return Picture("Pods", note, legend_of(outcomes), panels, head, tuple(rows))


def _stairs(outcomes: Outcomes, get: Callable[[ReplicaChange], Figure]) -> tuple[list[Band], list[Line]]:
    predicted, measured = outcomes
    bands, lines = [], []
    if measured is not None:
        lines.append(Line("measured", "measured", _steps(measured, get), steps=True))
    if predicted is not None:
        ends = [*(change.time_s for change in predicted.replicas[1:]), _last_s(predicted)]
        corners: list[Ranged | None] = []
        for change, end in zip(predicted.replicas, ends, strict=False):
            side = bounds(get(change))
            corners += [(change.time_s, side.low, side.high), (end, side.low, side.high)]
        bands.append(Band("predicted, 90 % interval", "predicted", corners))
        lines.append(Line("predicted median", "predicted", _steps(predicted, get), steps=True))
    return bands, lines


def _steps(outcome: Outcome, get: Callable[[ReplicaChange], Figure]) -> list[Point]:
    changes: list[Point] = [(change.time_s, plain(get(change))) for change in outcome.replicas]
    return [*changes, (_last_s(outcome), changes[-1][1])] if changes else []


def _last_s(outcome: Outcome) -> float:
    """The end of what is known: of an interrupted run the last bucket's, not the schedule's."""
    series = outcome.series
    known = series.time_s[-1] + series.bucket_s if series.time_s else 0.0
    return max([known, *(change.time_s for change in outcome.replicas)])


def _both(outcomes: Outcomes, get: Get) -> tuple[list[Band], list[Line]]:
    predicted, measured = outcomes
    return band_and_lines(
        outcomes, (None if predicted is None else get(predicted), None if measured is None else get(measured))
    )


def _linear(title: str, unit: str, outcomes: Outcomes, bands: Sequence[Band], lines: Sequence[Line]) -> Chart:
    y = axis.linear(heights(lines, bands))
    return Chart(title, told(lines, unit), unit, end_s(outcomes), y, "{:,g}".format, lines, bands, spans(outcomes))


def _seconds(value_s: float) -> str:
    return f"{value_s * 1000:g} ms" if value_s < 1 else f"{value_s:g} s"


def _bucket(outcomes: Outcomes) -> str:
    size = max(outcome.series.bucket_s for outcome in outcomes if outcome is not None)
    return "second" if size == 1 else f"{size:g} s"


def _table(
    outcomes: Outcomes, *columns: _Column, unit: str = ""
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Head and rows: a row a bucket, each column of each outcome there is."""
    times = max((outcome.series.time_s for outcome in outcomes if outcome is not None), key=len)
    head, texts = ["from"], []
    for column in columns:
        for outcome, kind in zip(outcomes, KINDS, strict=True):
            if outcome is not None:
                head.append(f"{column.name}, {kind}{f', {unit}' if unit else ''}")
                texts.append([shown(figure, column.factor) for figure in column.get(outcome)])
    rows = (
        (f"{time_s:g} s", *(column[i] if i < len(column) else "–" for column in texts))
        for i, time_s in enumerate(times)
    )
    return tuple(head), tuple(rows)

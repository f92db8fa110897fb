"""Which pictures a run shows: predicted band and median beside the measured line, each with its data as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matchday.compare.figures import plain
from matchday.report.chart import Band, Chart, Line, Point, Ranged, Span
from scenarios.outcome import FAILURE_KINDS, Figure, Interval, Outcome, ReplicaChange

Column = tuple[str, Sequence[Figure | None]]


@dataclass(frozen=True)
class Picture:
    """A chart with a sentence under its title, and its data: a head and rows of texts."""

    chart: Chart
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def pictures(prediction: Outcome | None, measurement: Outcome | None) -> list[Picture]:
    """All pictures there is data for, in the order a reader asks for them."""
    any_outcome = prediction or measurement
    if any_outcome is None:
        return []
    outcomes = (prediction, measurement)
    return [
        _rates(outcomes),
        _over_time(outcomes, "Latency, median", "milliseconds", "p50", lambda o: o.series.p50_s, 1000),
        _over_time(outcomes, "Latency, 99th percentile", "milliseconds", "p99", lambda o: o.series.p99_s, 1000),
        _replicas(outcomes),
        _over_time(outcomes, "Waiting in the proxy's queue", "requests", "queued", lambda o: o.series.queued, 1),
        _failures(outcomes),
    ]


Outcomes = tuple[Outcome | None, Outcome | None]


def _shown(figure: Figure | None, factor: float) -> str:
    if figure is None:
        return "-"
    if isinstance(figure, Interval):
        return f"{figure.value * factor:.3g} ({figure.low * factor:.3g} to {figure.high * factor:.3g})"
    return f"{figure * factor:.4g}"


def _points(outcome: Outcome, figures: Sequence[Figure | None], factor: float) -> list[Point]:
    middle = outcome.series.bucket_s / 2
    values = [(t + middle, plain(f)) for t, f in zip(outcome.series.time_s, figures, strict=True)]
    return [(t, None if value is None else value * factor) for t, value in values]


def _range(outcome: Outcome, figures: Sequence[Figure | None], factor: float) -> list[Ranged]:
    middle = outcome.series.bucket_s / 2
    pairs = zip(outcome.series.time_s, figures, strict=True)
    return [(t + middle, f.low * factor, f.high * factor) for t, f in pairs if isinstance(f, Interval)]


def _spans(outcomes: Outcomes) -> tuple[Span, ...]:
    outcome = outcomes[0] or outcomes[1]
    return tuple(Span(p.name, p.start_s, p.end_s, p.surge) for p in outcome.phases) if outcome else ()


def _end_s(outcomes: Outcomes) -> float:
    return max(outcome.phases[-1].end_s for outcome in outcomes if outcome is not None and outcome.phases)


def _table(
    outcomes: Outcomes, columns: Callable[[Outcome], Sequence[Column]], factor: float
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Head and rows: a row a bucket, the columns of each outcome there is."""
    head = ["time"]
    texts: list[list[str]] = []
    times: Sequence[float] = ()
    for outcome, kind in zip(outcomes, ("predicted", "measured"), strict=True):
        if outcome is None:
            continue
        times = max(times, outcome.series.time_s, key=len)
        for name, figures in columns(outcome):
            head.append(f"{name}, {kind}")
            texts.append([_shown(figure, factor) for figure in figures])
    rows = []
    for i, time_s in enumerate(times):
        rows.append((f"{time_s:g} s", *(column[i] if i < len(column) else "-" for column in texts)))
    return tuple(head), tuple(rows)


def _over_time(
    outcomes: Outcomes,
    title: str,
    unit: str,
    name: str,
    figures: Callable[[Outcome], Sequence[Figure | None]],
    factor: float,
) -> Picture:
    predicted, measured = outcomes
    lines: list[Line] = []
    bands: list[Band] = []
    if predicted is not None:
        bands.append(Band("predicted, 90 % interval", "predicted", _range(predicted, figures(predicted), factor)))
        lines.append(Line("predicted median", "predicted", _points(predicted, figures(predicted), factor)))
    if measured is not None:
        lines.append(Line("measured", "measured", _points(measured, figures(measured), factor)))
    head, rows = _table(outcomes, lambda o: [(name, figures(o))], factor)
    peak = max((y for line in lines for _, y in line.points if y is not None), default=0.0)
    chart = Chart(title, f"highest {peak:.3g} {unit}", unit, _end_s(outcomes), lines, bands, _spans(outcomes))
    return Picture(chart, head, rows)


def _rates(outcomes: Outcomes) -> Picture:
    picture = _over_time(
        outcomes, "Requests served well", "requests a second", "goodput", lambda o: o.series.goodput_rps, 1
    )
    offered = next(o for o in (outcomes[1], outcomes[0]) if o is not None)
    line = Line("offered", "offered", _points(offered, offered.series.offered_rps, 1))
    head, rows = _table(outcomes, lambda o: [("offered", o.series.offered_rps), ("served", o.series.goodput_rps)], 1)
    old = picture.chart
    chart = Chart("Offered and served", old.summary, old.unit, old.x_max, [line, *old.lines], old.bands, old.spans)
    return Picture(chart, head, rows)


def _replicas(outcomes: Outcomes) -> Picture:
    predicted, measured = outcomes
    end_s = _end_s(outcomes)
    lines: list[Line] = []
    bands: list[Band] = []
    rows: list[tuple[str, ...]] = []

    def steps(changes: Sequence[ReplicaChange], get: Callable[[ReplicaChange], Figure]) -> list[Point]:
        points: list[Point] = [(change.time_s, plain(get(change))) for change in changes]
        return [*points, (end_s, points[-1][1])] if points else []

    if predicted is not None:
        changes = predicted.replicas
        ranged: list[Ranged] = []
        for change, following in zip(changes, [*[c.time_s for c in changes[1:]], end_s], strict=True):
            figure = change.in_rotation
            if isinstance(figure, Interval):
                ranged += [(change.time_s, figure.low, figure.high), (following, figure.low, figure.high)]
        bands.append(Band("predicted in rotation, 90 % interval", "predicted", ranged))
        lines.append(Line("predicted in rotation", "predicted", steps(changes, lambda c: c.in_rotation), steps=True))
    if measured is not None:
        lines.append(
            Line("desired by the HPA, measured", "desired", steps(measured.replicas, lambda c: c.desired), steps=True)
        )
        lines.append(
            Line("in rotation, measured", "measured", steps(measured.replicas, lambda c: c.in_rotation), steps=True)
        )
    for outcome, kind in ((predicted, "predicted"), (measured, "measured")):
        for change in outcome.replicas if outcome is not None else ():
            cells = (_shown(figure, 1) for figure in (change.desired, change.ready, change.in_rotation))
            rows.append((f"{change.time_s:.1f} s", kind, *cells))
    chart = Chart("Pods", "in rotation and desired over time", "pods", end_s, lines, bands, _spans(outcomes))
    return Picture(chart, ("time", "", "desired", "ready", "in rotation"), tuple(rows))


def _failures(outcomes: Outcomes) -> Picture:
    """Requests that were not served well, a second, over time; their kinds by phase in the table."""
    predicted, measured = outcomes
    lines: list[Line] = []

    def lost(outcome: Outcome) -> list[float]:
        pairs = zip(outcome.series.offered_rps, outcome.series.goodput_rps, strict=True)
        return [max(0.0, (plain(offered) or 0.0) - (plain(good) or 0.0)) for offered, good in pairs]

    if predicted is not None:
        lines.append(Line("predicted median", "predicted", _points(predicted, lost(predicted), 1)))
    if measured is not None:
        lines.append(Line("measured", "measured", _points(measured, lost(measured), 1)))
    rows = []
    for outcome, kind in ((predicted, "predicted"), (measured, "measured")):
        for phase in outcome.phases if outcome is not None else ():
            shares = (f"{_shown(getattr(phase.failures, name), 100)} %" for name in FAILURE_KINDS)
            rows.append((phase.name, kind, *shares))
    chart = Chart(
        "Failures", "requests lost", "failed requests a second", _end_s(outcomes), lines, spans=_spans(outcomes)
    )
    return Picture(chart, ("phase", "", *(name.replace("_", " ") for name in FAILURE_KINDS)), tuple(rows))

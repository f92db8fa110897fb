"""What a report says of a run, in words and table cells; neither HTML nor Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from matchday.compare.comparison import Comparison, FigureScore, PhaseScore
from matchday.compare.figures import plain
from matchday.compare.words import NOTHING, figure, interval, percent, pods, rate, seconds, signed
from matchday.report.record import Event, Record
from scenarios.outcome import Outcome, PhaseOutcome, Validity

Tone = Literal["good", "bad", "warn", ""]


@dataclass(frozen=True)
class Verdict:
    """A headline and its sentence."""

    head: str
    text: str
    tone: Tone


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


@dataclass(frozen=True)
class Facts:
    """Names and values under a heading."""

    head: str
    items_: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Decision:
    """One decision of the autoscaler, with its reasons."""

    at: str
    text: str
    why: str


@dataclass(frozen=True)
class Content:
    """The whole report but its pictures."""

    title: str
    subtitle: str
    objective: str
    verdicts: tuple[Verdict, ...]
    tables: tuple[Table, ...]
    decisions: tuple[Decision, ...]
    evidence: tuple[Facts, ...] = field(default=())


def content(record: Record) -> Content:
    """The report of whatever the run directory holds."""
    outcome = record.measurement or record.prediction
    title = f"Rehearsal of {outcome.scenario}" if outcome else f"Run {record.name}"
    return Content(
        title=title,
        subtitle=_subtitle(record),
        objective=_objective(record),
        verdicts=tuple(_verdicts(record)),
        tables=tuple(_tables(record)),
        decisions=tuple(_decisions(record.events)),
        evidence=tuple(_evidence(record)),
    )


def _subtitle(record: Record) -> str:
    outcome = record.measurement or record.prediction
    description = record.scenario.description if record.scenario else ""
    made = f"Made {_moment(outcome.created_at)} with matchday {outcome.matchday_version}." if outcome else ""
    return " ".join(filter(None, [description, made]))


def _moment(iso: str) -> str:
    """`2026-07-08 19:01 UTC` of `2026-07-08T19:01:10+00:00`; any other zone keeps its offset."""
    try:
        return datetime.fromisoformat(iso).strftime("%Y-%m-%d %H:%M %Z")
    except ValueError:
        return iso


def _objective(record: Record) -> str:
    """The SLO's limits in a sentence; nothing when the run has no readable scenario."""
    if record.scenario is None:
        return ""
    slo = record.scenario.slo
    limits = f"99 % of the successful requests answered within {seconds(slo.p99)}, and {100 * slo.success:g} % of all requests successful"
    return f"What must hold (the SLO): over the whole run {limits}."


def _verdicts(record: Record) -> Iterator[Verdict]:
    comparison, measured, predicted = record.comparison, record.measurement, record.prediction
    if record.status is not None and not record.status.finished and record.status.message:
        yield Verdict("The run ended early", record.status.message, "warn")
    if measured is not None and measured.validity is not None:
        if measured.validity.verdict == "invalid":
            yield Verdict("The run proves nothing", _sentence(measured.validity), "bad")
        if comparison is not None and comparison.scored:
            head = "It held" if measured.slo.met else "It did not hold"
            yield Verdict(head, comparison.verdict.slo, "good" if measured.slo.met else "bad")
    elif predicted is not None and record.scenario is not None:
        share = float(predicted.slo.met)
        text = f"{share:.0%} of {predicted.replications} simulated futures meet the SLO."
        yield Verdict("Will it hold?", text, "good" if share >= 0.95 else "bad" if share < 0.5 else "warn")
    if comparison is not None and comparison.scored and comparison.summary is not None:
        tone: Tone = "good" if comparison.summary.accurate else "warn"
        yield Verdict("How far the prediction may be trusted", comparison.verdict.prediction, tone)
    if measured is not None and measured.validity is not None and measured.validity.verdict != "invalid":
        degraded = measured.validity.verdict == "degraded"
        head = "The measurement is degraded" if degraded else "The measurement is valid"
        yield Verdict(head, _sentence(measured.validity), "warn" if degraded else "good")


def _sentence(validity: Validity) -> str:
    reasons = "; ".join(validity.reasons)
    lag = f"late by {seconds(validity.dispatch_lag_p99_s)} at the 99th percentile"
    sent = f"{validity.sent:,} of {validity.planned:,} planned requests were sent"
    sent += "" if "was late" in reasons else f", {lag}"
    cores = [
        f"{name} {value:.2f}"
        for name, value in (
            ("generator", validity.generator_cores),
            ("proxy", validity.proxy_cores),
            ("pods", validity.pods_cores),
        )
        if value is not None
    ]
    busy = f"the machine was {percent(validity.machine_busy_ratio)} busy" if validity.machine_busy_ratio else ""
    used = f"cores of {validity.machine_cores}: {', '.join(cores)}" if cores else ""
    return ". ".join(part[0].upper() + part[1:] for part in (reasons, sent, used, busy) if part) + "."


def _tables(record: Record) -> Iterator[Table]:
    if record.comparison is not None:
        comparison = record.comparison
        phases = (*comparison.phases, comparison.total)
        note = "Measured; in small letters predicted with its 90 % interval; ✓ inside the interval, ✗ outside."
        head = ("phase", "goodput", "success", "mean", "p50", "p95", "p99")
        yield Table("Predicted beside measured", head, tuple(_score_row(phase) for phase in phases), note)
        if comparison.replicas is not None:
            yield _scale_ups(comparison)
        return
    outcome = record.measurement or record.prediction
    if outcome is not None:
        head = ("phase", "offered", "goodput", "success", "p50", "p95", "p99")
        rows = tuple(_outcome_row(phase) for phase in (*outcome.phases, outcome.total))
        yield Table(f"As {outcome.kind}", head, rows)


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
    spread = interval(score.low, score.high, score.unit)
    unit = f" {predicted.rpartition(' ')[2]}"
    if spread.endswith(unit) and spread.count(" ") == 1:  # an interval from ms to s keeps both
        spread = spread.removesuffix(unit)
    return Cell(figure(score.measured, score.unit), mark, (predicted, f"({spread})") if spread else (NOTHING,))


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
        Cell(rate(plain(phase.offered_rps))),
        Cell(rate(plain(phase.goodput_rps))),
        Cell(percent(plain(phase.success_ratio))),
        *(Cell(seconds(plain(value))) for value in (latency.p50, latency.p95, latency.p99)),
    )


def _decisions(events: Sequence[Event]) -> Iterator[Decision]:
    for event in events:
        if event.kind == "hpa" and (event.current != event.desired or event.error):
            yield Decision(f"{event.t_s or 0:.1f} s", event.text, event.error or "; ".join(event.reasons))
        elif event.kind == "disturbance":
            yield Decision(f"{event.t_s or 0:.1f} s", event.text, "a disturbance of the scenario")


def _evidence(record: Record) -> Iterator[Facts]:
    calibration = record.calibration
    if calibration is not None:
        learnt = []
        for path, found in calibration.paths.items():
            mean_s = sum(found.service_s) / len(found.service_s)
            text = f"{seconds(mean_s)} in the pod on average of {len(found.service_s)} requests, {seconds(found.cpu_s)} CPU"
            learnt.append((path, text))
        startup = f"{seconds(calibration.startup_s[0])} to {seconds(calibration.startup_s[-1])} over {len(calibration.startup_s)} starts"
        outside = seconds(sum(calibration.outside_s) / len(calibration.outside_s))
        learnt += [("start-up of a pod", startup), ("outside the pod's slot", f"{outside} on average")]
        yield Facts("What calibration learnt", tuple(learnt))
    facts: list[tuple[str, str]] = []
    outcome: Outcome | None = record.measurement or record.prediction
    if outcome is not None:
        facts += [("scenario SHA-256", outcome.scenario_sha256), ("seed", str(outcome.seed))]
    if record.prediction is not None:
        facts += [
            ("simulated futures", str(record.prediction.replications)),
            ("predicted at", _moment(record.prediction.created_at)),
        ]
    if record.frozen_sha256 is not None:
        same = "unchanged since" if record.frozen_sha256 == record.prediction_sha256 else "the file has changed since"
        facts.append(("frozen prediction's SHA-256", f"{record.frozen_sha256} (written before the surge; {same})"))
    if calibration is not None:
        facts.append(("calibration SHA-256", calibration.sha256()))
    reloads = sum(event.reloads for event in record.events)
    facts.append(("HAProxy reloads", str(reloads)))
    yield Facts("Evidence", tuple(facts))

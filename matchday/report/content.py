"""What a report says of a run, in words and table cells; neither HTML nor Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from matchday.compare.sentences import chance
from matchday.compare.words import percent, seconds
from matchday.report.record import Event, Record
from matchday.report.tables import Table, tables
from scenarios.outcome import Outcome, Validity

Tone = Literal["good", "bad", "warn", ""]


@dataclass(frozen=True)
class Verdict:
    """A headline and its sentence."""

    head: str
    text: str
    tone: Tone


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
    kind = "Rehearsal of" if record.measurement else "Prediction for"
    title = f"{kind} {outcome.scenario}" if outcome else f"Run {record.name}"
    return Content(
        title=title,
        subtitle=_subtitle(record),
        objective=_objective(record),
        verdicts=tuple(_verdicts(record)),
        tables=tuple(tables(record)),
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
        text = chance(share, predicted.replications)
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

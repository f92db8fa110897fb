"""What was really sent and answered → a measured `Outcome`.

The client's records say when and whether; the proxy's log, joined by request id, says why not, and who waited where.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np

from balancer.haproxy.log import LogLine, failure_kind
from loadgen.histograms import histogram_of
from loadgen.progress import percentile_s
from loadgen.records import Attempt
from scenarios.figures import FATES, Floats, Requests, phase_outcome, series_of
from scenarios.load import LoadedScenario
from scenarios.outcome import Latency, Outcome, PhaseOutcome, ReplicaChange, SloOutcome, Validity
from scenarios.recovery import recovery_s
from scenarios.traffic import PhaseSpan, Schedule

_CODE = {fate: code for code, fate in enumerate(FATES)}


@dataclass(frozen=True)
class Observation:
    """All that is known of a run. `ended_s` is when it was cut short (seconds from its first moment), None if it was not.

    `log` is keyed by request id; `epoch_unix_s` is the schedule's first moment in seconds since 1970, by which the
    log's clock is brought to ours.
    """

    loaded: LoadedScenario
    schedule: Schedule
    attempts: Sequence[Attempt]
    log: Mapping[str, LogLine]
    epoch_unix_s: float
    ended_s: float | None
    replicas: tuple[ReplicaChange, ...]
    validity: Validity
    seed: int
    calibration_sha256: str | None
    created_at: str


def unix_s(monotonic_s: float) -> float:
    """A moment of `time.monotonic()` in seconds since 1970."""
    return time.time() - time.monotonic() + monotonic_s


def final_attempts(attempts: Iterable[Attempt]) -> list[Attempt]:
    """The last attempt of each request that came to its end, in order of the schedule."""
    return sorted((attempt for attempt in attempts if attempt.final), key=lambda attempt: attempt.index)


def fate_of(attempt: Attempt, line: LogLine | None) -> str:
    """What became of a request, by its last attempt: the client's word on time-outs and checks, the proxy's on the rest."""
    if attempt.good:
        return "ok"
    if attempt.error == "timeout":
        return "client_timeout"
    if attempt.error == "check":
        return "server_error"
    if line is not None and (kind := failure_kind(line)) is not None:
        return kind
    if attempt.status >= 400:
        return "server_error"
    return "connect" if attempt.error == "connect" else "aborted"


def observe(observation: Observation) -> Outcome:
    """Figures of the run, or of the part of it that took place; a request without a last record was not offered."""
    loaded, schedule = observation.loaded, observation.schedule
    finals = final_attempts(observation.attempts)
    requests = Requests(
        intended_s=schedule.intended_s[[attempt.index for attempt in finals]],
        latency_s=np.array([attempt.done_s - attempt.intended_s for attempt in finals], dtype=np.float64),
        fate=np.array([_CODE[fate_of(a, observation.log.get(a.request_id))] for a in finals], dtype=np.int8),
    )
    end_s = schedule.duration_s if observation.ended_s is None else min(schedule.duration_s, observation.ended_s)
    spans = [replace(span, end_s=min(span.end_s, end_s)) for span in schedule.phases if span.start_s < end_s]
    total = _phase(requests, PhaseSpan("total", 0.0, max(end_s, 1e-9), surge=False))
    slo = loaded.scenario.slo
    queued, in_service = stays(observation.log.values(), observation.epoch_unix_s)
    success, p99_s = total.success_ratio, total.latency_s.p99
    return Outcome(
        kind="measured",
        scenario=loaded.scenario.name,
        scenario_sha256=loaded.sha256,
        calibration_sha256=observation.calibration_sha256,
        seed=observation.seed,
        replications=1,
        created_at=observation.created_at,
        matchday_version=version("matchday"),
        total=total,
        phases=tuple(_phase(requests, span) for span in spans),
        series=series_of(requests, queued, in_service, max(end_s, 1e-9)),
        replicas=observation.replicas,
        recovery_s=recovery_s(requests, spans, slo) if observation.ended_s is None else None,
        slo=SloOutcome(
            p99_s=p99_s,
            success_ratio=success,
            met=isinstance(success, float) and isinstance(p99_s, float) and success >= slo.success and p99_s <= slo.p99,
        ),
        validity=observation.validity,
    )


def stays(lines: Iterable[LogLine], epoch_unix_s: float) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """(from, until) of every stay in a queue and in a slot, seconds from the schedule's first moment."""
    queued: list[tuple[float, float]] = []
    in_service: list[tuple[float, float]] = []
    for line in lines:
        start_s = line.accepted_s - epoch_unix_s + max(0, line.request_ms) / 1000
        end_s = line.accepted_s - epoch_unix_s + line.ta_ms / 1000
        if line.tw_ms < 0:  # it never left the queue
            queued.append((start_s, end_s))
            continue
        slot_s = start_s + line.tw_ms / 1000
        if line.tw_ms > 0:
            queued.append((start_s, slot_s))
        if line.server is not None:
            in_service.append((slot_s, max(slot_s, end_s)))
    return queued, in_service


def _phase(requests: Requests, span: PhaseSpan) -> PhaseOutcome:
    part = requests.within(span.start_s, span.end_s)
    return phase_outcome(requests, span, histogram_latency(part.latency_s[part.fate == 0]))


def histogram_latency(latencies_s: Floats) -> Latency:
    """Latency figures as HdrHistogram has them, three significant digits; the mean is exact."""
    if not len(latencies_s):
        return Latency(mean=None, p50=None, p90=None, p95=None, p99=None, p999=None, max=None)
    histogram = histogram_of(latencies_s)
    named = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p999": 99.9}
    quantiles = {name: percentile_s(histogram, percent) for name, percent in named.items()}
    return Latency(mean=float(latencies_s.mean()), **quantiles, max=float(latencies_s.max()))

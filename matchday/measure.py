"""Joins what the generator recorded, what the proxy logged and what the target counted into one measured Outcome."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from balancer.haproxy.log import LogLine, parse_all
from loadgen.observe import Observation, observe, unix_s
from loadgen.records import read_records
from loadgen.validity import Around, judge
from matchday.surge import Surge
from matchday.targets.target import Target
from scenarios.calibration import Calibration
from scenarios.outcome import Outcome, ReplicaChange
from scenarios.traffic import Schedule


def read_log(path: Path, start: int) -> dict[str, LogLine]:
    """The requests logged from byte `start` on, by request id."""
    with path.open("rb") as file:
        file.seek(start)
        text = file.read().decode("ascii", errors="replace")
    return {line.request_id: line for line in parse_all(text.splitlines())}


def measured_outcome(target: Target, surge: Surge, schedule: Schedule, seed: int, calibration: Calibration) -> Outcome:
    """The outcome of a surge, whole or cut short."""
    attempts = read_records(surge.load.records)
    stats = json.loads(surge.load.stats.read_text()) if surge.load.stats.exists() else {}
    ended_early = None if surge.failure is None else str(surge.failure) or "interrupted"
    sent = int(stats.get("sent", sum(attempt.attempt == 0 for attempt in attempts)))
    last_s = attempts[-1].intended_s if attempts else 0.0
    around = Around(
        proxy_cores=surge.proxy_cores,
        pods_cores=surge.pods_cores,
        machine_busy_ratio=surge.machine_busy_ratio,
        ended_early=ended_early,
        surprises=target.surprises(),
    )
    validity = judge(len(schedule.intended_s), sent, stats, around)
    return observe(
        Observation(
            loaded=target.loaded,
            schedule=schedule,
            attempts=attempts,
            log=read_log(target.proxy_log, surge.proxy_log_start),
            epoch_unix_s=unix_s(surge.load.epoch),
            ended_s=None if surge.failure is None and not stats.get("aborted") else min(surge.ended_s, last_s + 1.0),
            replicas=_replicas(target, surge),
            validity=validity,
            seed=seed,
            calibration_sha256=calibration.sha256(),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
    )


def _replicas(target: Target, surge: Surge) -> tuple[ReplicaChange, ...]:
    return tuple(
        ReplicaChange(
            time_s=round(max(0.0, at - surge.load.epoch), 4), desired=desired, ready=ready, in_rotation=in_rotation
        )
        for at, desired, ready, in_rotation in target.changes
    )

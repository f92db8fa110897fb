"""What the generator recorded of a server that we know nothing else of → an Outcome, histograms and the figures of a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from loadgen.histograms import histogram_of, latencies_s, write_csv, write_hgrm, write_log
from loadgen.observe import Observation, observe, unix_s
from loadgen.records import Rows, good_rows, read_records, read_rows
from loadgen.users import Plan, Told
from loadgen.validity import Around, judge
from matchday.load import Load
from matchday.rundir import RunDirectory
from scenarios.load import LoadedScenario
from scenarios.outcome import Outcome
from scenarios.traffic import Schedule

# Locust is asked for users at once; a sample that is short by so much, again and again, is not just late.
_USERS_SHARE, _USERS_SAMPLES = 0.9, 3


@dataclass(frozen=True)
class Driven:
    """A load that was driven. `ended_s` is its length, `failure` why it ended early; None at its proper end."""

    loaded: LoadedScenario
    schedule: Schedule
    seed: int
    load: Load
    machine_busy_ratio: float
    ended_s: float
    failure: BaseException | None


@dataclass(frozen=True)
class Measured:
    """An outcome, the rows of its phases and the schedule they belong to; `notes` are sentences for the user."""

    outcome: Outcome
    rows: Rows
    schedule: Schedule
    paths: tuple[str, ...]
    notes: tuple[str, ...]


def empty_schedule(plan: Plan) -> Schedule:
    """The phases of a plan of users, in which nothing is scheduled."""
    none = np.empty(0, dtype=np.float64)
    zeros = none.astype(np.int32)
    return Schedule(none, zeros, none.astype(np.int64), zeros, plan.spans, plan.duration_s)


def measured(driven: Driven) -> Measured:
    """The outcome of what was sent, whole or cut short. A closed loop's schedule is what its users did."""
    loaded, load, schedule = driven.loaded, driven.load, driven.schedule
    stats = json.loads(load.stats.read_text()) if load.stats.exists() else {}
    told = Told.read(load.records)
    by_users = loaded.scenario.traffic.locustfile is not None
    paths = _settled(load.records, told) if by_users else tuple(r.path for r in loaded.scenario.traffic.requests)
    rows = read_rows(load.records)
    if by_users:
        schedule = _as_sent(rows, schedule)
    sent = int(stats.get("sent", np.count_nonzero(rows["attempt"] == 0)))
    ended_early = None if driven.failure is None else str(driven.failure) or "interrupted"
    around = Around(
        proxy_cores=0.0,
        pods_cores=0.0,
        machine_busy_ratio=driven.machine_busy_ratio,
        ended_early=ended_early or (None if sent else "no request was sent"),
        surprises=tuple(_surprises(told)),
    )
    validity = judge(sent if by_users else len(schedule.intended_s), sent, stats, around)
    last_s = float(rows["intended_s"].max()) if len(rows) else 0.0
    whole = driven.failure is None and not stats.get("aborted")
    outcome = observe(
        Observation(
            loaded=loaded,
            schedule=schedule,
            attempts=read_records(load.records),
            log={},
            epoch_unix_s=unix_s(load.epoch),
            ended_s=None if whole else min(driven.ended_s, last_s + 1.0),
            replicas=(),
            # Nothing is known of whatever runs the server.
            validity=validity.model_copy(update={"proxy_cores": None, "pods_cores": None}),
            seed=driven.seed,
            calibration_sha256=None,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
    )
    within = rows[rows["intended_s"] < schedule.duration_s]  # what users sent while they ended is no part of a phase
    return Measured(outcome, within, schedule, paths, told.notes)


def write_measured(run: RunDirectory, found: Measured, epoch: float) -> None:
    """measurement.json, and the histograms in each form."""
    run.write_model("measurement.json", found.outcome)
    spans = found.schedule.phases
    write_log(run.path / "load.hlog", found.rows, found.paths, spans, unix_s(epoch))
    write_csv(run.path / "histograms.csv", found.rows, found.paths, spans)
    good = found.rows[(found.rows["final"] == 1) & good_rows(found.rows)]
    for clock in ("intended", "send"):
        write_hgrm(run.path / f"{clock}.hgrm", histogram_of(latencies_s(good, clock)))


def _settled(records: Path, told: Told) -> tuple[str, ...]:
    """Bring users' rows in order of their sends, number the kinds of requests from 0, keep names beside; the names."""
    rows = read_rows(records).copy()
    rows = rows[np.argsort(rows["send_s"], kind="stable")]
    rows["index"] = np.arange(len(rows))
    numbers, dense = np.unique(rows["request"], return_inverse=True)
    rows["request"] = dense
    names = tuple(told.names.get(number, f"request {number}") for number in numbers.tolist())
    partial = records.with_name(f".{records.name}.partial")
    partial.write_bytes(rows.tobytes())
    partial.replace(records)
    records.with_suffix(".names.json").write_text(json.dumps(names, indent=1), encoding="utf-8")
    return names


def _as_sent(rows: Rows, frame: Schedule) -> Schedule:
    """What was sent as the schedule that it is taken for."""
    zeros = np.zeros(len(rows), dtype=np.int64)
    times, kinds = rows["intended_s"].copy(), rows["request"].astype(np.int32)
    return replace(frame, intended_s=times, request=kinds, key=zeros, client=zeros.astype(np.int32))


def _surprises(told: Told) -> Iterator[str]:
    """What of the users went otherwise than planned."""
    for sentence, count in sorted(told.raised.items(), key=lambda item: -item[1]):
        yield f"{sentence}, {count} times" if count > 1 else sentence
    if told.cut_off:
        yield f"{told.cut_off} users were cut off inside a task at the end; what they waited for is not counted"
    short = 0
    for t_s, planned, running in told.users:
        short = short + 1 if running + 1 < _USERS_SHARE * planned else 0
        if short == _USERS_SAMPLES:
            yield f"{running} of {planned} users ran {t_s:.0f} s into the phases; users that raise in on_start end"
            return

"""`matchday load`: sends a scenario's load to a server that is there already; no calibration, no prediction."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

from loadgen.address import host_and_port
from loadgen.errors import LoadError
from loadgen.seatbelt import allowed
from loadgen.users import Plan
from matchday.display import Display, Stage
from matchday.errors import EnvironmentFailedError, InterruptedRunError, InvalidRunError, MatchdayError
from matchday.load import Driving, Load, Progress
from matchday.load_outcome import Driven, Measured, empty_schedule, measured, write_measured
from matchday.load_table import failing_phases, milliseconds, phases_table
from matchday.rehearsal import until_signalled
from matchday.rundir import RunDirectory
from matchday.targets.local.procfs import machine_times
from scenarios.errors import ScenarioError
from scenarios.load import LoadedScenario, load_scenario
from scenarios.traffic import Schedule, build_schedule

_ANSWER_S = 5.0


def run(path: Path, to: str, driving: Driving, *, seed: int | None, out: Path | None, as_json: bool) -> int:
    """Send and measure; 0 when the measured SLO was met, 1 when it was not."""
    loaded = load_scenario(path)
    seed = loaded.scenario.seed if seed is None else seed
    plan = _plan(loaded)
    schedule = build_schedule(loaded, seed) if plan is None else empty_schedule(plan)
    try:
        host_and_port("--to", to)
        allowed(to, owned=driving.owned, max_rps=driving.max_rps, schedule=schedule)
    except LoadError as error:
        raise ScenarioError(str(error)) from None
    driving.check(schedule)
    _is_there(to)
    display = Display(as_json=as_json)
    directory = RunDirectory.create(loaded, out)
    if loaded.scenario.disturbances:
        display.say("disturbances are left out: nothing is known of what runs the server")
    try:
        driven = until_signalled(_drive(loaded, schedule, to, seed, driving, directory, display))
        found = measured(driven)
        write_measured(directory, found, driven.load.epoch)
        _say(found, plan, display, directory, as_json=as_json)
        _raise_if_early(driven, directory)
    except MatchdayError as error:
        directory.status("ended early", message=str(error))
        raise
    finally:
        directory.close()
    validity = found.outcome.validity
    if validity is not None and validity.verdict == "invalid":
        raise InvalidRunError(f"the run is invalid: {'; '.join(validity.reasons)}")
    return 0 if found.outcome.slo.met else 1


def _plan(loaded: LoadedScenario) -> Plan | None:
    """The users over time of a scenario whose load is a locustfile."""
    wanted = loaded.scenario.traffic.locustfile
    return None if wanted is None else Plan.of(wanted.phases)


def _is_there(to: str) -> None:
    """EnvironmentFailedError when nobody accepts connections."""
    try:
        socket.create_connection(host_and_port("--to", to), timeout=_ANSWER_S).close()
    except OSError as error:
        raise EnvironmentFailedError(f"--to: {to}: no server there: {error.strerror or error}") from error


async def _drive(
    loaded: LoadedScenario,
    schedule: Schedule,
    to: str,
    seed: int,
    driving: Driving,
    run: RunDirectory,
    display: Display,
) -> Driven:
    """Send, and stop when told to; what goes wrong once it has begun is in the result, not raised."""
    run.status("load")
    load = await Load.start(run, "load", loaded, schedule, to, seed, driving)
    run.epoch = load.epoch
    run.event("stage", f"load: to {to}")
    machine = machine_times()
    failure: BaseException | None = None
    by_users = loaded.scenario.traffic.locustfile is not None
    what = "users of its locustfile" if by_users else f"{len(schedule.intended_s)} requests"
    try:
        with display.stage("load", f"{schedule.duration_s:.0f} s, {what} to {to}") as stage:
            await load.finish(lambda progress: _show(stage, progress, schedule.duration_s))
    except (EnvironmentFailedError, asyncio.CancelledError) as error:
        failure = error
    await load.stop()
    busy = machine_times().busy_ratio_since(machine)
    return Driven(loaded, schedule, seed, load, busy, time.monotonic() - load.epoch, failure)


def _show(stage: Stage, progress: Progress, duration_s: float) -> None:
    note = (
        f"{progress.phase}  {progress.rate_rps:.0f} rps  p95 {milliseconds(progress.p95_s)}  {progress.failed} failed"
    )
    stage.update(progress.t_s / duration_s, note)


def _say(found: Measured, plan: Plan | None, display: Display, run: RunDirectory, *, as_json: bool) -> None:
    """The table and the verdict, for a person or a machine."""
    users = None if plan is None else [f"{a}" if a == b else f"{a} to {b}" for a, b in plan.ends]
    for note in found.notes:
        display.say(note)
    display.console.print(phases_table(found, users), crop=False, overflow="ignore")
    if plan is not None:
        display.say("requests a second and ms; in a closed loop users wait for answers, so that ms count from the send")
    else:
        display.say("requests a second and ms; from the intended moment of a request, and from its send")
    for line in failing_phases(found):
        display.say(f"failed in {line}")
    validity, slo = found.outcome.validity, found.outcome.slo
    assert validity is not None
    display.say(f"SLO {'met' if slo.met else 'missed'}: p99 {milliseconds(_plain(slo.p99_s))}, success {_share(found)}")
    display.say(f"the run is {validity.verdict}" + "".join(f"\n  {reason}" for reason in validity.reasons))
    display.say(f"run directory: {run.path}")
    if as_json:
        print(found.outcome.model_dump_json(indent=1))


def _plain(figure: object) -> float | None:
    return figure if isinstance(figure, float) else None


def _share(found: Measured) -> str:
    share = _plain(found.outcome.slo.success_ratio)
    return "-" if share is None else f"{share:.2%}"


def _raise_if_early(driven: Driven, run: RunDirectory) -> None:
    """Say how it ended, and raise what ended it."""
    failure = driven.failure
    run.status("report" if failure is None else "ended early", finished=failure is None, message=str(failure or ""))
    if isinstance(failure, asyncio.CancelledError):
        raise InterruptedRunError("interrupted; what was measured is kept")
    if failure is not None:
        raise failure

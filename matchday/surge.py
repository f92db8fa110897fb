"""Drives the real surge against a target and keeps what was measured, also when it ends early."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from balancer.errors import BalancerError
from matchday.display import Display, Stage
from matchday.errors import EnvironmentFailedError
from matchday.load import Driving, Load, Progress
from matchday.rundir import RunDirectory
from matchday.targets.local.procfs import machine_times
from matchday.targets.target import Change, Target
from scenarios.schema import KillDisturbance, SlowDisturbance
from scenarios.traffic import Schedule

_REPLICAS_S = 0.5


@dataclass(frozen=True)
class Surge:
    """What is left of a surge run to make an Outcome of. `failure` is why it ended early, None at its proper end.

    Cores are averages over the run; the machine's busy ratio covers all that ran on it.
    """

    load: Load
    proxy_log_start: int
    ended_s: float
    proxy_cores: float
    pods_cores: float
    machine_busy_ratio: float
    failure: BaseException | None


async def drive_surge(
    target: Target, run: RunDirectory, schedule: Schedule, seed: int, driving: Driving, display: Display
) -> Surge:
    """Send the schedule while HPA, controller and disturbances work; what goes wrong is in `failure`, not raised."""
    loaded = target.loaded
    log_start = target.proxy_log.stat().st_size
    owned = replace(driving, owned=True)  # whoever chose the target has seen to that
    load = await Load.start(run, "surge", loaded, schedule, target.address, seed, owned)
    run.epoch = load.epoch
    target.surge_begins()
    meter = await target.meter()
    machine, began = machine_times(), time.monotonic()
    helpers = [
        asyncio.ensure_future(target.control(load.epoch)),
        asyncio.ensure_future(_disturb(target, run, load.epoch)),
        asyncio.ensure_future(_tell_replicas(target, run, load.epoch)),
    ]
    failure: BaseException | None = None
    about = f"{schedule.duration_s:.0f} s, {len(schedule.intended_s)} requests through HAProxy at {target.address}"
    try:
        with display.stage("surge", about) as stage:
            await target.unless_it_fails(load.finish(_shower(stage, schedule, target)), *helpers)
    except (EnvironmentFailedError, BalancerError, asyncio.CancelledError) as error:
        failure = error
    for helper in helpers:
        helper.cancel()
    await asyncio.gather(*helpers, return_exceptions=True)
    await load.stop()
    used = await meter.read()
    wall_s = time.monotonic() - began
    ended_s, busy = time.monotonic() - load.epoch, machine_times().busy_ratio_since(machine)
    await target.settle()
    return Surge(
        load=load,
        proxy_log_start=log_start,
        ended_s=ended_s,
        proxy_cores=used.proxy_s / wall_s,
        pods_cores=used.pods_s / wall_s,
        machine_busy_ratio=busy,
        failure=failure,
    )


def _shower(stage: Stage, schedule: Schedule, target: Target) -> Callable[[Progress], None]:
    def show(progress: Progress) -> None:
        stage.update(progress.t_s / schedule.duration_s, reading(progress, target.changes[-1]))

    return show


def reading(progress: Progress, replicas: Change) -> str:
    """What the live display says; `replicas` is (time, desired, ready, in rotation)."""
    p95 = "-" if progress.p95_s is None else f"{progress.p95_s * 1000:.0f} ms"
    _, desired, _, in_rotation = replicas
    note = f"{progress.phase}  {progress.rate_rps:.0f} rps  p95 {p95}  {in_rotation} of {desired} pods"
    return f"{note}  {progress.failed} failed"


async def _tell_replicas(target: Target, run: RunDirectory, epoch: float) -> None:
    """Write each change of replicas as it comes, for the live page; never returns."""
    told = 0
    with (run.path / "replicas.jsonl").open("a", encoding="utf-8") as file:
        while True:
            for at, desired, ready, in_rotation in target.changes[told:]:
                row = {"t_s": round(max(0.0, at - epoch), 3), "desired": desired, "ready": ready}
                file.write(json.dumps({**row, "in_rotation": in_rotation}) + "\n")
            file.flush()
            told = len(target.changes)
            await asyncio.sleep(_REPLICAS_S)


async def _disturb(target: Target, run: RunDirectory, epoch: float) -> None:
    """Carry out the scenario's disturbances at their times; never returns."""
    for disturbance in sorted(target.loaded.scenario.disturbances, key=lambda d: d.at):
        await asyncio.sleep(max(0.0, epoch + disturbance.at - time.monotonic()))
        if isinstance(disturbance, KillDisturbance):
            names = await target.kill(disturbance.kill)
            run.event("disturbance", f"killed {', '.join(names)}", pods=names)
        elif isinstance(disturbance, SlowDisturbance):
            names = await target.slow(disturbance.slow)
            run.event("disturbance", f"{', '.join(names)} {disturbance.slow.factor:g} times slower", pods=names)
    await asyncio.Event().wait()

"""Calibration: what low load on the real target teaches the model.

Two rounds of extra pods give start-up times and lags, a few seconds of silence the CPU of an idle pod, and
the scenario's own request mix at its base rate the time a request holds its pod's slot and the CPU it costs.
The proxy's own timers separate the slot (Ta - TR - Tw) from all that happens outside it, since the same
milliseconds inside or outside of a slot make the difference between a queue and none near saturation.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from balancer.haproxy.log import LogLine
from matchday.display import Display, Stage
from matchday.errors import EnvironmentFailedError
from matchday.load import LEAD_S, Load, Progress
from matchday.records import AnsweredRequest, answered_requests
from matchday.rundir import RunDirectory
from matchday.targets.local.target import LocalTarget, first_replicas
from scenarios.calibration import Calibration, PathCalibration
from scenarios.load import LoadedScenario
from scenarios.schema import ConstantTime, ExponentialTime, Phase, Scenario, ServiceTime
from scenarios.traffic import Schedule, build_schedule

_START_ROUNDS, _EXTRA_PODS = 2, 4
_FINE_PROBE_S = 0.025
_IDLE_S = 3.0
# The mean service time is wanted to this relative standard error; (cv / 0.02)^2 requests give it.
_WANTED_ERROR = 0.02
_LOAD_MIN_S, _LOAD_MAX_S = 15.0, 60.0
_MIN_ANSWERS = 20
# HAProxy cuts its timers to whole milliseconds, half a millisecond on average. Source: HAProxy 2.8, log.c.
_TIMER_CUT_S = 0.0005
_SEED_OFFSET = 1_000_003  # calibration must not replay the surge's own draws


@dataclass(frozen=True)
class LoadPlan:
    """What calibration sends; `error` is the relative standard error of the mean service time to expect."""

    rate_rps: float
    duration_s: float
    error: float


def plan_load(scenario: Scenario, schedule: Schedule) -> LoadPlan:
    """How long the base rate (the lowest of a phase that has any) must be sent, within 15 to 60 s."""
    spans = schedule.phases
    counts = [int(((schedule.intended_s >= p.start_s) & (schedule.intended_s < p.end_s)).sum()) for p in spans]
    rate = min(n / (p.end_s - p.start_s) for n, p in zip(counts, spans, strict=True) if n)
    requests = scenario.traffic.requests
    total = sum(request.weight for request in requests)
    needed_s = max(
        (_cv(scenario.workload.paths[r.path].time) / _WANTED_ERROR) ** 2 / (rate * r.weight / total) for r in requests
    )
    duration_s = min(max(needed_s, _LOAD_MIN_S), _LOAD_MAX_S)
    return LoadPlan(rate, duration_s, _WANTED_ERROR * math.sqrt(needed_s / duration_s))


def _cv(time_s: ServiceTime) -> float:
    if isinstance(time_s, ConstantTime):
        return 0.0
    return 1.0 if isinstance(time_s, ExponentialTime) else time_s.lognormal.cv


async def calibrate(target: LocalTarget, loaded: LoadedScenario, run: RunDirectory, seed: int, display: Display) -> Calibration:
    """Measure the target at low load. EnvironmentFailedError when too little came back to learn from."""
    plan = plan_load(loaded.scenario, build_schedule(loaded, seed))
    about = f"{plan.duration_s:.0f} s at {plan.rate_rps:.1f} rps (mean service time to ±{plan.error:.1%}), and pod starts"
    began = time.monotonic()
    with display.stage("calibrate", about) as stage:
        await _start_extra_pods(target, stage)
        idle_cores = await _idle_cores(target)
        answered, cpu_s = await _low_load(target, loaded, run, plan, seed, stage)
    pods = [pod for replica_set in target.sets.values() for pod in replica_set.history if pod.in_rotation_since]
    return Calibration(
        scenario=loaded.scenario.name,
        scenario_sha256=loaded.sha256,
        seed=seed,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        duration_s=round(time.monotonic() - began, 3),
        paths=_paths(loaded.scenario, answered, cpu_s, idle_cores),
        outside_s=_sorted(max(0.0, a.done_s - a.intended_s - a.log.tw_ms / 1000 - _slot_s(a.log)) for a in answered),
        startup_s=_sorted(pod.ready_since - pod.started for pod in pods if pod.ready_since and pod.started),
        rotation_lag_s=_sorted(pod.in_rotation_since - pod.ready_since for pod in pods if pod.ready_since),
        decision_lag_s=_sorted(lag for s in target.sets.values() for lag in s.decision_lags_s),
        idle_cores=idle_cores,
    )


async def _start_extra_pods(target: LocalTarget, stage: Stage) -> None:
    for round_ in range(_START_ROUNDS):
        stage.update(0.0, f"starting {_EXTRA_PODS} extra pods, round {round_ + 1} of {_START_ROUNDS}")
        for replica_set in target.sets.values():
            replica_set.scale(replica_set.desired + _EXTRA_PODS, due=time.monotonic())
        await target.all_in_rotation()
        for deployment in target.loaded.manifests.deployments:
            target.sets[deployment.name].scale(first_replicas(target.loaded, deployment), due=time.monotonic())
        await target.all_in_rotation()


async def _idle_cores(target: LocalTarget) -> float:
    """CPU of one pod that serves nothing but its probes."""
    target.metrics.scrape(target.pods())
    before_s, began = target.metrics.pods_cpu_s, time.monotonic()
    await asyncio.sleep(_IDLE_S)
    target.metrics.scrape(target.pods())
    return (target.metrics.pods_cpu_s - before_s) / (time.monotonic() - began) / len(target.pods())


async def _low_load(
    target: LocalTarget, loaded: LoadedScenario, run: RunDirectory, plan: LoadPlan, seed: int, stage: Stage
) -> tuple[list[AnsweredRequest], float]:
    """Send the base rate; give every answered request and the pods' CPU seconds beyond idling per request."""
    traffic = loaded.scenario.traffic.model_copy(
        update={"phases": (Phase(name="calibration", duration=plan.duration_s, rps=plan.rate_rps),), "trace": None}
    )
    quiet = dataclasses.replace(loaded, scenario=loaded.scenario.model_copy(update={"traffic": traffic}), trace=None)
    schedule = build_schedule(quiet, seed + _SEED_OFFSET)
    log_start = target.haproxy.log_path.stat().st_size
    load = await Load.start(run, "calibration", loaded, schedule, target.address, seed + _SEED_OFFSET)

    def show(progress: Progress) -> None:
        stage.update(progress.t_s / plan.duration_s, f"{progress.ok} answered, {progress.failed} failed")

    target.metrics.scrape(target.pods())
    before_s = target.metrics.pods_cpu_s
    began = time.monotonic()
    try:
        await target.unless_it_fails(load.finish(show))
    finally:
        await load.stop()
    target.metrics.scrape(target.pods())
    cpu_s = target.metrics.pods_cpu_s - before_s
    ...
"""

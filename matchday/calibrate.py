"""Calibration: what low load on the real target teaches the model.

Two rounds of extra pods give start-up times and lags, a few seconds of silence the CPU of an idle pod, and
the scenario's own request mix at its base rate the time a request holds its pod's slot and the CPU it costs.
The proxy's own timers separate the slot (Ta - TR - Tw) from all that happens outside it, since the same
milliseconds inside or outside of a slot make the difference between a queue and none near saturation.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from balancer.haproxy.log import LogLine
from loadgen.records import Attempt, read_records
from matchday.display import Display, Stage
from matchday.errors import EnvironmentFailedError
from matchday.load import Driving, Load, Progress
from matchday.measure import read_log
from matchday.rundir import RunDirectory
from matchday.targets.target import Target
from scenarios.calibration import Calibration, PathCalibration
from scenarios.schema import ConstantTime, ExponentialTime, Scenario, ServiceTime
from scenarios.traffic import Schedule, at_constant_rate, build_schedule

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


@dataclass(frozen=True)
class Answered:
    """A request that was answered well at low load, as generator and proxy saw it."""

    attempt: Attempt
    path: str
    log: LogLine

    @property
    def service_s(self) -> float:
        """How long it held its pod's slot."""
        return max(0.0, (self.log.ta_ms - max(0, self.log.request_ms) - self.log.tw_ms) / 1000 + _TIMER_CUT_S)

    @property
    def outside_s(self) -> float:
        """Latency from the intended time that held no slot and waited for none."""
        return max(0.0, self.attempt.done_s - self.attempt.intended_s - self.log.tw_ms / 1000 - self.service_s)


async def calibrate(target: Target, run: RunDirectory, seed: int, display: Display) -> Calibration:
    """Measure the target at low load. EnvironmentFailedError when too little came back to learn from."""
    loaded = target.loaded
    plan = plan_load(loaded.scenario, build_schedule(loaded, seed))
    about = (
        f"{plan.duration_s:.0f} s at {plan.rate_rps:.1f} rps (mean service time to ±{plan.error:.1%}), and pod starts"
    )
    began = time.monotonic()
    with display.stage("calibrate", about) as stage:
        await target.unless_it_fails(target.start_extra_pods(lambda what: stage.update(0.0, what)))
        idle_cores = await target.idle_cores()
        answered, busy_s = await _low_load(target, run, plan, seed, stage)
    target.calibrated()
    starts = target.starts()
    return Calibration(
        scenario=loaded.scenario.name,
        scenario_sha256=loaded.sha256,
        seed=seed,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        duration_s=round(time.monotonic() - began, 3),
        paths=_paths(loaded.scenario, answered, busy_s - idle_cores * target.pod_count() * plan.duration_s),
        outside_s=_sorted(a.outside_s for a in answered),
        startup_s=_sorted(starts.startup_s),
        rotation_lag_s=_sorted(starts.rotation_lag_s),
        decision_lag_s=_sorted(starts.decision_lag_s),
        idle_cores=idle_cores,
    )


def _sorted(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(sorted(round(value, 6) for value in values))


async def _low_load(
    target: Target, run: RunDirectory, plan: LoadPlan, seed: int, stage: Stage
) -> tuple[list[Answered], float]:
    """Send the base rate; give the answered requests, and the CPU seconds all pods used meanwhile."""
    loaded = target.loaded
    schedule = build_schedule(at_constant_rate(loaded, "low", plan.rate_rps, plan.duration_s), seed + _SEED_OFFSET)
    log_start = target.proxy_log.stat().st_size
    driving = Driving(owned=True)  # whoever chose the target has seen to that
    load = await Load.start(run, "calibration", loaded, schedule, target.address, seed + _SEED_OFFSET, driving)

    def show(progress: Progress) -> None:
        stage.update(progress.t_s / plan.duration_s, f"{progress.ok} answered, {progress.failed} failed")

    meter = await target.meter()
    try:
        await target.unless_it_fails(load.finish(show))
    finally:
        await load.stop()
    used = await meter.read()
    await target.settle()
    log = read_log(target.proxy_log, log_start)
    answered = [
        Answered(
            attempt, loaded.scenario.traffic.requests[schedule.request[attempt.index]].path, log[attempt.request_id]
        )
        for attempt in read_records(load.records)
        if attempt.good and attempt.request_id in log
    ]
    return answered, used.pods_s


def _paths(scenario: Scenario, answered: list[Answered], cpu_s: float) -> dict[str, PathCalibration]:
    """Service times per path; the CPU in proportion to what the workload declares, evenly where it declares none.

    EnvironmentFailedError when a path has too few answers.
    """
    declared = {path: behaviour.cpu for path, behaviour in scenario.workload.paths.items()}
    weights = {path: cpu if any(declared.values()) else 1.0 for path, cpu in declared.items()}
    weighed = sum(weights[a.path] for a in answered)
    paths = {}
    for path, weight in weights.items():
        service_s = _sorted(a.service_s for a in answered if a.path == path)
        if len(service_s) < _MIN_ANSWERS:
            raise EnvironmentFailedError(
                f"calibration got {len(service_s)} answers on {path}, at least {_MIN_ANSWERS} are needed; "
                "see proxy.log and pods.log in the run directory"
            )
        paths[path] = PathCalibration(service_s=service_s, cpu_s=max(0.0, cpu_s * weight / weighed) if weighed else 0.0)
    return paths

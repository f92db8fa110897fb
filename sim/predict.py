"""What a scenario will do: many replications, one `Outcome` with an interval for every figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

import numpy as np

from scenarios.calibration import Calibration
from scenarios.figures import FATES, Requests, phase_outcome, series_of
from scenarios.load import LoadedScenario
from scenarios.outcome import Outcome, PhaseOutcome, Series, SloOutcome
from scenarios.recovery import recovery_s
from scenarios.schema import Slo
from scenarios.traffic import PhaseSpan, Schedule, build_schedule
from sim.cluster import cluster_of
from sim.intervals import Row, interval_if_any, merge_phases, merge_replicas, merge_series
from sim.reference import simulate
from sim.replicate import replicate
from sim.streams import Streams
from sim.trace import Trace
from sim.workload import calibrated, declared

_CODE = {fate: code for code, fate in enumerate(FATES)}


@dataclass(frozen=True)
class Future:
    """The figures of one replication, plain numbers all."""

    total: PhaseOutcome
    phases: tuple[PhaseOutcome, ...]
    series: Series
    replicas: tuple[Row, ...]
    recovery_s: float | None
    met: bool


def predict(
    loaded: LoadedScenario,
    *,
    seed: int,
    replications: int = 20,
    calibration: Calibration | None,
    same_arrivals: bool,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
    created_at: str,
) -> Outcome:
    """Simulate `replications` futures. The same input gives the same outcome, whatever the number of workers.

    `same_arrivals`: all meet the schedule of `seed`, as a rehearsal will; else each has its own. `progress` is told
    how many are done. Raises ScenarioError when the calibration does not fit the scenario.
    """
    if replications < 1:
        raise ValueError(f"{replications} replications: at least one")
    task = partial(one_future, loaded, calibration, seed, same_arrivals)
    futures = replicate(task, replications, workers=workers, progress=progress)
    total = merge_phases([future.total for future in futures])
    return Outcome(
        kind="predicted",
        scenario=loaded.scenario.name,
        scenario_sha256=loaded.sha256,
        calibration_sha256=calibration.sha256() if calibration is not None else None,
        seed=seed,
        replications=replications,
        created_at=created_at,
        matchday_version=version("matchday"),
        total=total,
        phases=tuple(merge_phases(phases) for phases in zip(*(future.phases for future in futures), strict=True)),
        series=merge_series([future.series for future in futures]),
        replicas=merge_replicas([future.replicas for future in futures]),
        recovery_s=interval_if_any([future.recovery_s for future in futures]),
        slo=SloOutcome(
            p99_s=total.latency_s.p99,
            success_ratio=total.success_ratio,
            met=sum(future.met for future in futures) / replications,
        ),
    )


def one_future(
    loaded: LoadedScenario, calibration: Calibration | None, seed: int, same_arrivals: bool, replication: int
) -> Future:
    """One replication and its figures."""
    scenario = loaded.scenario
    streams = Streams(seed, replication)
    schedule = build_schedule(loaded, seed if same_arrivals else streams.schedule_seed())
    if calibration is None:
        behaviour = declared(scenario)
    else:
        behaviour = calibrated(scenario, calibration, streams.generator("bootstrap"))
    trace = simulate(scenario, cluster_of(loaded), schedule, behaviour, streams)
    return figures_of(schedule, trace, scenario.slo)


def figures_of(schedule: Schedule, trace: Trace, slo: Slo) -> Future:
    """What the report shows of a replication, by the definitions that measured runs share."""
    requests = Requests(
        schedule.intended_s,
        np.array(trace.end_s) - schedule.intended_s,
        np.array([_CODE[fate] for fate in trace.fate], dtype=np.int8),
    )
    total = phase_outcome(requests, PhaseSpan("total", 0.0, schedule.duration_s, surge=False))
    return Future(
        total=total,
        phases=tuple(phase_outcome(requests, span) for span in schedule.phases),
        series=series_of(requests, trace.waited, trace.served, schedule.duration_s),
        replicas=tuple(trace.replicas),
        recovery_s=recovery_s(requests, schedule.phases, slo),
        met=is_met(total, slo),
    )


def is_met(total: PhaseOutcome, slo: Slo) -> bool:
    """Whether the objective held over the whole run. Plain figures only; a run without requests meets it."""
    p99_s, success = total.latency_s.p99, total.success_ratio
    if success is None:
        return True
    assert isinstance(success, float)
    return success >= slo.success and isinstance(p99_s, float) and p99_s <= slo.p99

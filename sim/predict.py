"""What a scenario will do: many replications, one `Outcome` with an interval for every figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version

from scenarios.calibration import Calibration
from scenarios.load import LoadedScenario
from scenarios.outcome import Outcome, SloOutcome
from scenarios.traffic import rate_of, schedule_blocks, schedule_frame
from sim.cluster import cluster_of
from sim.compilation import compile_kernel
from sim.engine import Replication
from sim.intervals import interval_if_any, merge_phases, merge_replicas, merge_series
from sim.replicate import replicate
from sim.streams import Streams
from sim.tally import Future, Tally
from sim.workload import calibrated, declared

_ALONE_S = 3.0  # about what it costs to start worker processes
_FEW_REQUESTS = 1_000_000  # of a replication, which this process then simulates in a second or two


def predict(
    loaded: LoadedScenario,
    *,
    seed: int,
    replications: int = 20,
    calibration: Calibration | None,
    same_arrivals: bool,
    workers: int | None = None,
    scheduler: str | None = None,
    enough: Callable[[Sequence[Future]], bool] | None = None,
    progress: Callable[[int], None] | None = None,
    created_at: str,
) -> Outcome:
    """Simulate `replications` futures. The same input gives the same outcome, whoever does the work.

    `same_arrivals`: all meet the schedule of `seed`, as a rehearsal will; else each has its own. `workers`,
    `scheduler`, `enough` (which may end it sooner) and `progress` are those of `replicate`. Raises ScenarioError when
    the calibration does not fit the scenario.
    """
    if replications < 1:
        raise ValueError(f"{replications} replications: at least one")
    task = partial(one_future, loaded, calibration, seed, same_arrivals)
    futures = replicate(
        task,
        replications,
        workers=workers,
        scheduler=scheduler,
        alone_s=_ALONE_S if rate_of(loaded).expected()[-1] < _FEW_REQUESTS else 0.0,
        enough=enough,
        warm_up=compile_kernel,
        progress=progress,
    )
    total = merge_phases([future.total for future in futures])
    return Outcome(
        kind="predicted",
        scenario=loaded.scenario.name,
        scenario_sha256=loaded.sha256,
        calibration_sha256=calibration.sha256() if calibration is not None else None,
        seed=seed,
        replications=len(futures),
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
            met=sum(future.met for future in futures) / len(futures),
        ),
    )


def one_future(
    loaded: LoadedScenario, calibration: Calibration | None, seed: int, same_arrivals: bool, replication: int
) -> Future:
    """One replication and its figures."""
    return run_replication(loaded, calibration, seed, same_arrivals, replication, tracing=False).future()


def run_replication(
    loaded: LoadedScenario,
    calibration: Calibration | None,
    seed: int,
    same_arrivals: bool,
    replication: int,
    *,
    tracing: bool,
) -> Tally:
    """One replication; with `tracing` the tally has a record of each request."""
    scenario = loaded.scenario
    streams = Streams(seed, replication)
    if calibration is None:
        behaviour = declared(scenario)
    else:
        behaviour = calibrated(scenario, calibration, streams.generator("bootstrap"))
    frame = schedule_frame(loaded)
    one = Replication(scenario, cluster_of(loaded), frame.phases, frame.duration_s, behaviour, streams)
    return one.run(schedule_blocks(loaded, seed if same_arrivals else streams.schedule_seed()), tracing=tracing)

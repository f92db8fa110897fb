"""`matchday predict`: the surge simulated, without any target."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

from rich.table import Table

from matchday.display import Display
from matchday.errors import EnvironmentFailedError
from matchday.rehearsal import given_calibration
from matchday.targets.local.supported import refuse_locustfile
from scenarios.errors import ScenarioError
from scenarios.load import load_scenario
from scenarios.outcome import Figure, Interval, Outcome
from scenarios.units import parse_ratio
from sim.precision import Goal
from sim.predict import predict
from sim.request_trace import trace_requests, write_csv

_REPLICATIONS, _MOST = 20, 200
_SCHEDULER = re.compile(r"(tcp|tls)://[^\s/:]+:[0-9]{1,5}|(tcp|tls)://\[[0-9a-fA-F:.]+\]:[0-9]{1,5}")


@dataclass(frozen=True)
class Futures:
    """How many, and who simulates them; None where nothing was said."""

    replications: int | None = None
    precision: str | None = None
    most: int | None = None
    workers: int | None = None
    scheduler: str | None = None

    def goal(self) -> Goal | None:
        """The precision asked for; ScenarioError for options that contradict each other or say nothing."""
        if self.workers is not None and self.scheduler is not None:
            raise ScenarioError("--workers, --scheduler: give one of them")
        if self.scheduler is not None and not _SCHEDULER.fullmatch(self.scheduler):
            raise ScenarioError(f"--scheduler: {self.scheduler}: an address such as tcp://10.0.0.7:8786")
        if self.scheduler is not None and find_spec("distributed") is None:
            raise ScenarioError("--scheduler: needs Dask: pip install 'matchday[cluster]'")
        if self.precision is None:
            if self.most is not None:
                raise ScenarioError("--max-replications: only with --precision")
            return None
        if self.replications is not None:
            raise ScenarioError("--replications, --precision: give one of them")
        try:
            precision = parse_ratio(self.precision)
        except ValueError:
            precision = 0.0
        if not 0.001 <= precision <= 0.5:
            raise ScenarioError(f"--precision: {self.precision}: a share such as 5%, from 0.1% to 50%")
        return Goal(precision, _MOST if self.most is None else self.most)


def run(
    path: Path, futures: Futures, *, seed: int | None, calibration: Path | None, trace: Path | None, as_json: bool
) -> int:
    """Print the predicted outcome; 0 when at least half of the futures meet the SLO, else 1."""
    goal = futures.goal()
    loaded = load_scenario(path)
    refuse_locustfile(loaded)
    given = None if calibration is None else given_calibration(calibration, loaded)
    used_seed = loaded.scenario.seed if seed is None else seed
    most = goal.most if goal is not None else futures.replications or _REPLICATIONS
    display = Display(as_json=as_json)
    about = f"{'up to ' if goal else ''}{most} simulated futures of {loaded.scenario.name}, seed {used_seed}"
    with _trace_file(trace) as file:
        with display.stage("predict", about) as stage:

            def progress(done: int) -> None:
                widest = f", {goal.widest}" if goal is not None and goal.widest is not None else ""
                stage.update(done / most, f"{done} of {most}{widest}")

            outcome = predict(
                loaded,
                seed=used_seed,
                replications=most,
                calibration=given,
                same_arrivals=False,
                workers=futures.workers,
                scheduler=futures.scheduler,
                enough=None if goal is None else goal.enough,
                progress=progress,
                created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            )
        if file is not None:
            requests = trace_requests(loaded, seed=used_seed, calibration=given, same_arrivals=False)
            with _disk(trace):
                write_csv(requests, file)
                file.flush()
    if as_json:
        print(outcome.model_dump_json(indent=1))
    else:
        display.console.print(_table(outcome))
    basis = "the declared workload" if given is None else "a calibration"
    display.say(
        f"Medians of {outcome.replications} futures with 5th to 95th percentile, seed {used_seed}, from {basis}."
    )
    if goal is not None:
        display.say(_reached(goal, outcome.replications))
    if file is not None:
        display.say(f"{len(requests)} requests of the first future are in {trace}.")
    display.say(f"The SLO holds in {outcome.slo.met:.0%} of them.")
    return 0 if outcome.slo.met >= 0.5 else 1


def _reached(goal: Goal, replications: int) -> str:
    how = f"reached with {replications} futures" if goal.reached else f"not reached within {replications} futures"
    return f"± {100 * goal.precision:g} % asked for: {how}. The widest 90 % interval of a median: {goal.widest}."


@contextlib.contextmanager
def _trace_file(path: Path | None) -> Iterator[TextIO | None]:
    """A file that has its name only once it is whole; ScenarioError when it cannot be begun."""
    if path is None:
        yield None
        return
    part = path if path.exists() and not path.is_file() else path.with_name(f"{path.name}.part")
    try:
        file = part.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise ScenarioError(f"--trace-requests: {path}: {error.strerror or error}") from error
    try:
        yield file
        with _disk(path):
            file.close()
            if part != path:
                part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            file.close()
        if part != path:
            part.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _disk(path: Path | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EnvironmentFailedError(f"--trace-requests: {path}: {error.strerror or error}") from error


def _table(outcome: Outcome) -> Table:
    table = Table("phase", "offered", "goodput", "success", "p50", "p95", "p99", box=None, pad_edge=False)
    for phase in (*outcome.phases, outcome.total):
        latency = phase.latency_s
        table.add_row(
            phase.name,
            _range(phase.offered_rps, 1, " rps", digits=0),
            _range(phase.goodput_rps, 1, " rps", digits=0),
            _range(phase.success_ratio, 100, " %", digits=1),
            *(_range(figure, 1000, " ms", digits=0) for figure in (latency.p50, latency.p95, latency.p99)),
        )
    return table


def _range(figure: Figure | None, factor: float, unit: str, *, digits: int) -> str:
    if not isinstance(figure, Interval):
        return "-"
    middle, low, high = (f"{value * factor:.{digits}f}" for value in (figure.value, figure.low, figure.high))
    return f"{middle}{unit}" if low == high else f"{middle}{unit} ({low} to {high})"

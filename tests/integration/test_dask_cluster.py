"""Replications on a real Dask cluster: a scheduler and two worker processes of this machine."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import distributed
import pytest

from scenarios.load import LoadedScenario, load_scenario
from scenarios.outcome import Outcome
from sim.errors import ClusterError
from sim.precision import Goal
from sim.predict import predict
from sim.replicate import replicate

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
LocalCluster: Any = distributed.LocalCluster  # has no types

TASKS = """
import os, signal, time

def die_once(marker, i):
    if i == 5 and not os.path.exists(marker):
        with open(marker, "w") as file:
            file.write(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
    return i * i

def die_always(i):
    os.kill(os.getpid(), signal.SIGKILL)

def only_here(i):
    return i

def nap(i):
    time.sleep(0.2)
    return i
"""


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A module that worker processes started later can import too."""
    directory = tmp_path_factory.mktemp("tasks")
    (directory / "tasks_of_dask.py").write_text(TASKS)
    sys.path.insert(0, str(directory))
    yield importlib.import_module("tasks_of_dask")
    sys.path.remove(str(directory))


@pytest.fixture(scope="module")
def cluster(tasks: Any) -> Iterator[Any]:
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as made:
        yield made


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> LoadedScenario:
    """scenarios/quick with 26 s of traffic instead of 100."""
    directory = tmp_path_factory.mktemp("short") / "quick"
    shutil.copytree(ROOT / "scenarios" / "quick", directory)
    file = directory / "scenario.yaml"
    text = file.read_text().replace("duration: 20s", "duration: 6s").replace("duration: 60s", "duration: 14s")
    file.write_text(text)
    return load_scenario(directory)


def until(condition: Callable[[], bool], deadline_s: float = 20.0) -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def outcome(loaded: LoadedScenario, goal: Goal | None = None, **who: Any) -> Outcome:
    return predict(
        loaded,
        seed=1,
        replications=12 if goal is None else goal.most,
        calibration=None,
        same_arrivals=False,
        enough=None if goal is None else goal.enough,
        created_at="now",
        **who,
    )


def test_a_cluster_gives_the_bytes_of_this_machine(cluster: Any, short: LoadedScenario) -> None:
    here = outcome(short, workers=1).model_dump_json()
    assert outcome(short, scheduler=cluster.scheduler_address).model_dump_json() == here


def test_futures_in_threads_of_one_worker_do_not_mix(short: LoadedScenario) -> None:
    here = outcome(short, workers=1).model_dump_json()
    with LocalCluster(n_workers=1, threads_per_worker=4, processes=False, dashboard_address=":0") as threads:
        assert outcome(short, scheduler=threads.scheduler_address).model_dump_json() == here


def test_a_precision_stops_at_the_same_future_on_a_cluster(cluster: Any, short: LoadedScenario) -> None:
    here = outcome(short, Goal(0.08, 60), workers=1)
    there = outcome(short, Goal(0.08, 60), scheduler=cluster.scheduler_address)
    assert here.replications > 10
    assert there.model_dump_json() == here.model_dump_json()


def test_a_worker_killed_in_the_middle_loses_nothing(cluster: Any, tasks: Any, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    seen: list[int] = []
    task = partial(tasks.die_once, str(marker))
    assert replicate(task, 40, scheduler=cluster.scheduler_address, progress=seen.append) == [i * i for i in range(40)]
    assert marker.exists()
    assert seen == list(range(1, 41))


def test_a_future_that_kills_every_worker_is_given_up(tasks: Any) -> None:
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as victim,
        pytest.raises(ClusterError, match="workers died") as caught,
    ):
        replicate(tasks.die_always, 1, scheduler=victim.scheduler_address)
    assert "\n" not in str(caught.value)


def test_workers_that_lack_what_we_have_are_told_in_a_line(cluster: Any, tmp_path: Path) -> None:
    (tmp_path / "only_here.py").write_text("def task(i):\n    return i\n")
    sys.path.insert(0, str(tmp_path))
    try:
        with pytest.raises(ClusterError, match="No module named 'only_here'") as caught:
            replicate(importlib.import_module("only_here").task, 2, scheduler=cluster.scheduler_address)
    finally:
        sys.path.remove(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_the_cluster_is_clean_after_every_prediction(cluster: Any, short: LoadedScenario) -> None:
    outcome(short, Goal(0.2, 60), scheduler=cluster.scheduler_address)
    until(lambda: not cluster.scheduler.tasks)


@pytest.mark.parametrize(("ending", "code"), [(signal.SIGINT, 4), (signal.SIGKILL, -9)])
def test_ctrl_c_and_worse_leave_the_cluster_clean(cluster: Any, ending: signal.Signals, code: int) -> None:
    words = ["predict", str(ROOT / "scenarios" / "quick"), "--replications", "10000", "--json"]
    command = subprocess.Popen(
        [sys.executable, "-m", "matchday", *words, "--scheduler", cluster.scheduler_address],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    until(lambda: len(cluster.scheduler.tasks) > 2, 60)
    command.send_signal(ending)
    _, said = command.communicate(timeout=20)
    assert command.returncode == code
    assert said.splitlines()[1:] == (["matchday: interrupted"] if code == 4 else [])
    until(lambda: not cluster.scheduler.tasks)


def test_a_scheduler_that_dies_is_told_in_a_line(tasks: Any) -> None:
    script = "from distributed import LocalCluster; import time\nif __name__ == '__main__':\n"
    script += " c = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=':0', silence_logs=50)\n"
    script += " print(c.scheduler_address, flush=True); time.sleep(600)\n"
    path = os.pathsep.join([str(Path(tasks.__file__).parent), str(ROOT)])
    other = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path}
    )
    assert other.stdout is not None
    address = other.stdout.readline().strip()

    def kill(done: int) -> None:
        if done == 2:
            other.kill()

    with pytest.raises(ClusterError, match=f"{address}: the scheduler was lost"):
        replicate(tasks.nap, 1000, scheduler=address, progress=kill)
    other.wait()

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sim.replicate import replicate

TASKS = """
import os, signal, time

def pid_of(i):
    return os.getpid()

def fail_at_two(i):
    if i == 2:
        raise ValueError("the third went wrong")
    return i

def die_once(parent, marker, i):
    if os.getpid() != parent and i == 3:
        with open(marker, "a") as file:
            file.write("died")
        os.kill(os.getpid(), signal.SIGKILL)
    return i

def long_after_the_first(i):
    if i > 0:
        time.sleep(60)
    return i
"""


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A module that worker processes can import too."""
    directory = tmp_path_factory.mktemp("tasks")
    (directory / "tasks_of_replicate.py").write_text(TASKS)
    sys.path.insert(0, str(directory))
    yield importlib.import_module("tasks_of_replicate")
    sys.path.remove(str(directory))


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_replication_order(workers: int) -> None:
    seen: list[int] = []
    assert replicate(abs, 5, workers=workers, progress=seen.append) == [0, 1, 2, 3, 4]
    assert seen == [1, 2, 3, 4, 5]


def test_one_worker_stays_in_this_process() -> None:
    assert replicate(lambda _i: os.getpid(), 3, workers=1) == [os.getpid()] * 3


def test_several_workers_are_other_processes(tasks: Any) -> None:
    assert os.getpid() not in replicate(tasks.pid_of, 4, workers=2)


def test_little_work_is_done_alone(tasks: Any) -> None:
    assert replicate(tasks.pid_of, 9, alone_s=1e9) == [os.getpid()] * 9


def test_help_is_asked_for_at_once_when_nothing_else_is_said(tasks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1})
    assert os.getpid() not in replicate(tasks.pid_of, 4)


def test_help_is_asked_for_when_much_is_left(tasks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]

    def spend_a_second(_done: int) -> None:
        now_s[0] += 1.0

    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1})
    monkeypatch.setattr("sim.replicate._now_s", lambda: now_s[0])
    # three seconds for three of nine: six more are left, which is too much
    here = [pid == os.getpid() for pid in replicate(tasks.pid_of, 9, alone_s=3.0, progress=spend_a_second)]
    assert here == [True] * 3 + [False] * 6
    # three seconds for three of five: what is left is not worth it
    assert replicate(tasks.pid_of, 5, alone_s=3.0, progress=spend_a_second) == [os.getpid()] * 5


def test_other_processes_start_after_the_warm_up_and_one_alone_needs_none() -> None:
    order: list[str] = []
    replicate(abs, 2, workers=2, warm_up=lambda: order.append("warm"), progress=lambda _n: order.append("done"))
    assert order == ["warm", "done", "done"]
    replicate(abs, 2, workers=1, warm_up=lambda: order.append("warm again"))
    assert "warm again" not in order


@pytest.mark.parametrize("workers", [1, 2])
def test_whoever_has_enough_gets_no_more(workers: int) -> None:
    assert replicate(abs, 10_000, workers=workers, enough=lambda results: len(results) == 7) == list(range(7))


def test_what_is_under_way_beyond_enough_is_not_waited_for(tasks: Any) -> None:
    began_s = time.monotonic()
    assert replicate(tasks.long_after_the_first, 100, workers=2, enough=lambda _results: True) == [0]
    assert time.monotonic() - began_s < 30
    assert multiprocessing.active_children() == []


def test_a_task_can_carry_data() -> None:
    assert replicate(partial(pow, 3), 4, workers=2) == [1, 3, 9, 27]


def test_no_replications_give_no_results() -> None:
    assert replicate(abs, 0) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failing_replication_is_raised_here(workers: int, tasks: Any) -> None:
    with pytest.raises(ValueError, match="third"):
        replicate(tasks.fail_at_two, 4, workers=workers)


def test_what_a_dead_worker_left_undone_is_done_here(tasks: Any, tmp_path: Path) -> None:
    task = partial(tasks.die_once, os.getpid(), tmp_path / "marker")
    assert replicate(task, 6, workers=2) == [0, 1, 2, 3, 4, 5]
    assert (tmp_path / "marker").read_text() == "died"


def raise_in_progress(done: int) -> None:
    raise KeyboardInterrupt


def test_whoever_raises_in_progress_ends_it() -> None:
    with pytest.raises(KeyboardInterrupt):
        replicate(abs, 50, workers=2, progress=raise_in_progress)
    assert multiprocessing.active_children() == []


SLEEPER = """
import time
from sim.replicate import replicate
def nap(i):
    time.sleep(0.3)
if __name__ == "__main__":
    replicate(nap, 1000, workers=2, progress=lambda n: print(n, flush=True))
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_workers_do_not_outlive_their_parent(ending: signal.Signals, tmp_path: Path) -> None:
    marker = tmp_path / "sleeper.py"
    marker.write_text(SLEEPER)
    parent = subprocess.Popen(
        [sys.executable, marker],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path.cwd(),
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
    )
    assert parent.stdout is not None
    parent.stdout.readline()
    children = descendants(parent.pid)
    assert children
    parent.send_signal(ending)
    parent.wait(10)
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in children):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def descendants(pid: int) -> list[int]:
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children + [d for child in children for d in descendants(child)]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False

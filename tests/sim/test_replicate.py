from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from sim.replicate import replicate


def square(offset: int, i: int) -> int:
    return (i + offset) ** 2


def fail_at_two(i: int) -> int:
    if i == 2:
        raise ValueError("the third went wrong")
    return i


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_replication_order(workers: int) -> None:
    seen: list[int] = []
    assert replicate(abs, 5, workers=workers, progress=seen.append) == [0, 1, 2, 3, 4]
    assert seen == [1, 2, 3, 4, 5]


def test_one_worker_stays_in_this_process() -> None:
    assert replicate(lambda _i: os.getpid(), 3, workers=1) == [os.getpid()] * 3


def test_a_task_can_carry_data() -> None:
    assert replicate(partial(pow, 3), 4, workers=2) == [1, 3, 9, 27]


def test_no_replications_give_no_results() -> None:
    assert replicate(abs, 0) == []


def test_a_failing_replication_is_raised_here() -> None:
    with pytest.raises(ValueError, match="third"):
        replicate(fail_at_two, 4, workers=1)
    with pytest.raises(ZeroDivisionError):
        replicate(partial(divmod, 1), 3, workers=2)


def die_in_a_worker(parent: int, i: int) -> int:
    if os.getpid() != parent and i == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return i


def test_what_a_dead_worker_left_undone_is_done_here() -> None:
    assert replicate(partial(die_in_a_worker, os.getpid()), 6, workers=2) == [0, 1, 2, 3, 4, 5]


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

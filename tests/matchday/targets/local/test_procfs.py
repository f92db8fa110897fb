import os
import subprocess
import sys

import pytest

from matchday.targets.local.procfs import MachineTimes, cpu_s_by_session, machine_times

BURN = "import time\nwhile time.process_time() < 0.3: pass\nprint('done', flush=True)\ninput()"


def test_cpu_of_a_session_counts_what_its_process_burnt() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", BURN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert child.stdout is not None
    child.stdout.readline()
    used_s = cpu_s_by_session()[child.pid]
    child.communicate(b"\n")
    assert used_s == pytest.approx(0.3, abs=0.05)


def test_cpu_of_a_session_includes_its_descendants() -> None:
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN!r}])"
    child = subprocess.Popen(
        [sys.executable, "-c", parent],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert child.stdout is not None
    child.stdout.readline()
    used_s = cpu_s_by_session()[child.pid]
    child.communicate(b"\n")
    assert used_s >= 0.3


def test_our_own_session_is_listed() -> None:
    assert os.getsid(0) in cpu_s_by_session()


def test_busy_ratio_is_the_share_between_two_readings() -> None:
    earlier, later = MachineTimes(busy_s=10, total_s=100), MachineTimes(busy_s=40, total_s=150)
    assert later.busy_ratio_since(earlier) == pytest.approx(0.6)
    assert later.busy_ratio_since(later) == 0.0


def test_the_machine_is_at_most_fully_busy() -> None:
    times = machine_times()
    assert 0 < times.busy_s <= times.total_s

"""In a process of its own, since a fork of pytest would run the rest of the tests twice."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from balancer.guard import guarded

runs = Path(sys.argv[1])

def program():
    stopped = []
    if sys.argv[2] == "waits":
        signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
    with runs.open("a") as file:
        file.write(f"{os.getpid()}\\n")
    first = len(runs.read_text().splitlines()) == 1
    if sys.argv[2] == "killed" and first:
        os.kill(os.getpid(), signal.SIGKILL)
    if sys.argv[2] == "raises" and first:
        raise RuntimeError("a bug")
    if sys.argv[2] == "waits":
        while not stopped:
            time.sleep(0.01)
        return 0
    return 3

sys.exit(guarded(program))
"""


def start(tmp_path: Path, how: str) -> tuple[subprocess.Popen[str], Path]:
    runs = tmp_path / "runs"
    command = [sys.executable, "-c", PROGRAM, str(runs), how]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True), runs


def test_a_program_that_is_killed_is_started_again_at_once(tmp_path: Path) -> None:
    began = time.monotonic()
    guard, runs = start(tmp_path, "killed")
    _, said = guard.communicate(timeout=10)
    assert len(runs.read_text().splitlines()) == 2
    assert "died (signal SIGKILL); it is started again" in said
    assert guard.returncode == 3  # the second run's own word, which is for people
    assert time.monotonic() - began < 5


def test_an_error_of_ours_is_started_again_and_said(tmp_path: Path) -> None:
    guard, runs = start(tmp_path, "raises")
    _, said = guard.communicate(timeout=10)
    assert len(runs.read_text().splitlines()) == 2
    assert "a bug" in said
    assert "died (exit code 1)" in said


def test_the_order_to_end_is_passed_on_and_ends_it_for_good(tmp_path: Path) -> None:
    guard, runs = start(tmp_path, "waits")
    deadline = time.monotonic() + 10
    while not (runs.exists() and runs.read_text().endswith("\n")) and time.monotonic() < deadline:
        time.sleep(0.01)
    guard.send_signal(signal.SIGTERM)
    guard.communicate(timeout=10)
    assert guard.returncode == 0
    (child,) = map(int, runs.read_text().split())
    assert not Path(f"/proc/{child}").exists()

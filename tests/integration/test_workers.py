"""Several workers send one schedule: real processes, a real server, and what is left when one of them is killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from loadgen.records import read_rows
from loadgen.validity import Around, judge
from tests.integration.generator import ROOT, Generator, children
from tests.integration.witness import Witness

pytestmark = [pytest.mark.integration, pytest.mark.slow]
HOST = f"127.91.{1 + os.getpid() % 250}.9"
RATE = 200
Start = Callable[..., Generator]


@pytest.fixture
def server() -> Iterator[Witness]:
    with Witness(HOST) as server:
        yield server


@pytest.fixture
def start(tmp_path: Path, server: Witness) -> Iterator[Start]:
    runs: list[Generator] = []

    def begin(seconds: float, *words: str) -> Generator:
        times_s = np.arange(int(seconds * RATE)) / RATE
        runs.append(Generator(tmp_path, times_s, f"{HOST}:{server.port}", *words))
        return runs[-1]

    yield begin
    for run in runs:
        run.kill()


def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_two_workers_send_one_schedule_once_and_on_time(start: Start) -> None:
    rows, stats = start(3.0, "--processes", "2").end()
    assert rows["index"].tolist() == list(range(600))
    assert (stats["sent"], stats["complete"]) == (600, True)
    assert [(w["share"], w["of"], w["sent"], w["lost_at_s"]) for w in stats["workers"]] == [
        (0, 2, 300, None),
        (1, 2, 300, None),
    ]
    assert stats["dispatch_lag_p99_s"] < 0.05


def test_a_killed_worker_is_named_with_its_share_and_moment_and_the_other_goes_on(start: Start) -> None:
    run = start(8.0, "--processes", "2")
    (victim, _) = children(run.process.pid)
    until(lambda: time.monotonic() > run.epoch + 3.0, 5.0)
    os.kill(victim, signal.SIGKILL)
    rows, stats = run.end()
    (lost,) = [worker for worker in stats["workers"] if worker["lost_at_s"] is not None]
    assert lost["lost_at_s"] == pytest.approx(3.0, abs=0.6)
    others = rows[rows["index"] % 2 != lost["share"]]
    assert len(others) == 800
    assert rows[rows["index"] % 2 == lost["share"]]["intended_s"].max() == pytest.approx(3.0, abs=0.6)
    verdict = judge(stats["planned"], stats["sent"], stats, Around(0.0, 0.0, 0.5))
    assert verdict.verdict == "invalid"
    assert any("50% of the load with it" in reason for reason in verdict.reasons)


def test_a_killed_master_leaves_what_was_measured_and_no_worker(start: Start) -> None:
    run = start(20.0, "--processes", "2")
    workers = children(run.process.pid)
    until(lambda: time.monotonic() > run.epoch + 2.0, 5.0)
    run.process.kill()
    run.process.wait()
    until(
        lambda: (
            not any(
                Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes() for pid in workers
            )
        )
    )
    rows = read_rows(run.records)
    assert len(rows) >= RATE
    assert rows["intended_s"].max() > 1.0


def test_a_stop_reaches_all_workers_and_keeps_their_rows(start: Start) -> None:
    run = start(20.0, "--processes", "2")
    until(lambda: time.monotonic() > run.epoch + 1.5, 5.0)
    run.process.send_signal(signal.SIGTERM)
    rows, stats = run.end()
    assert time.monotonic() < run.epoch + 6.0
    assert stats["complete"] is False
    assert len(rows) == stats["sent"] >= RATE


def test_workers_that_are_started_elsewhere_come_to_the_master(tmp_path: Path, server: Witness) -> None:
    with socket.create_server((HOST, 0)) as free:
        bind = f"{HOST}:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "loadgen", "worker", "--master", bind]
    helpers = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    try:
        times_s = np.arange(200) / RATE
        run = Generator(tmp_path, times_s, f"{HOST}:{server.port}", "--expect-workers", "2", "--bind", bind)
        rows, stats = run.end()
        assert rows["index"].tolist() == list(range(200))
        assert stats["clock_uncertainty_s"] == 0.0
        assert [helper.wait(timeout=10) for helper in helpers] == [0, 0]
    finally:
        for helper in helpers:
            helper.kill()
            helper.wait()


def test_what_is_said_each_second_counts_all_workers(start: Start) -> None:
    run = start(3.0, "--processes", "2")
    said, _ = run.process.communicate(timeout=30)
    lines = [json.loads(line) for line in said.splitlines()]
    assert lines[0]["workers"] == 2
    assert lines[-1]["done"] == 600
    assert [line["rate_rps"] for line in lines[1:-1]] == [pytest.approx(RATE, rel=0.3)] * (len(lines) - 2)

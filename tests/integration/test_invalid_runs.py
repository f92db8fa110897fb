"""Ten and more ways in which a run measures its own bottleneck, each really caused, detected and named.

A step of the wall clock and a suspended machine cannot be caused here without harm to others: tests/loadgen/test_machine.py has them
with clocks of its own.
"""

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadgen.records import read_rows
from loadgen.validity import Around, judge
from scenarios.outcome import Validity
from tests.integration.generator import Generator, children
from tests.integration.static_server import StaticServer

pytestmark = [pytest.mark.integration, pytest.mark.slow]
HOST = f"127.94.{1 + os.getpid() % 250}.9"
Start = Callable[..., Generator]
# Takes connections and never answers.
SILENT = "import socket, time; s = socket.create_server((%r, %d), backlog=4096); time.sleep(60)"
SPIN = "import os; os.sched_setaffinity(0, {%d}); os.setpriority(0, 0, %d)\nwhile True: pass"


def even(seconds: float, rate: float) -> Any:
    return np.arange(int(seconds * rate)) / rate


def judged(stats: dict[str, Any], planned: int = 0) -> Validity:
    """As a rehearsal would, with the machine's busy share as the generator saw it."""
    busy = stats.get("machine", {}).get("machine_busy_ratio", 0.0)
    return judge(stats.get("planned", planned), stats.get("sent", 0), stats, Around(0.0, 0.0, busy))


def named(stats: dict[str, Any], verdicts: set[str], *words: str) -> None:
    """The verdict is one of these, and a reason has these words."""
    verdict = judged(stats)
    assert verdict.verdict in verdicts, verdict
    assert any(all(word in reason for word in words) for reason in verdict.reasons), verdict.reasons


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticServer]:
    with StaticServer(tmp_path_factory.mktemp("server"), HOST) as server:
        yield server


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    runs: list[Generator] = []

    def begin(times_s: Any, target: str, *words: str, **more: Any) -> Generator:
        runs.append(Generator(tmp_path / str(len(runs)), times_s, target, *words, **more))
        return runs[-1]

    yield begin
    for run in runs:
        run.kill()


@pytest.fixture
def silent() -> Iterator[str]:
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", SILENT % (HOST, port)])
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection((HOST, port)).close()
            break
    yield f"{HOST}:{port}"
    process.kill()
    process.wait()


@contextlib.contextmanager
def spinning(*where: tuple[int, int]) -> Iterator[None]:
    """Processes that use up these (core, niceness)."""
    hogs = [subprocess.Popen([sys.executable, "-c", SPIN % place]) for place in where]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def at(server: StaticServer) -> str:
    return f"{server.host}:{server.port}"


def wait_until(moment: float) -> None:
    while time.monotonic() < moment:
        time.sleep(0.005)


def test_healthy_runs_are_valid_every_time(start: Start, server: StaticServer) -> None:
    for _ in range(3):  # `make bench-load` repeats it twenty times
        _, stats = start(even(1.0, 100), at(server)).end()
        assert judged(stats).reasons == ()


def test_1_a_generator_that_was_stopped(start: Start, server: StaticServer) -> None:
    run = start(even(4.0, 50), at(server))
    wait_until(run.epoch + 0.5)
    run.process.send_signal(signal.SIGSTOP)
    wait_until(run.epoch + 3.0)
    run.process.send_signal(signal.SIGCONT)
    named(run.end()[1], {"invalid"}, "stood still for 2.")


def test_2_a_generator_that_is_late(start: Start, server: StaticServer) -> None:
    run = start(even(3.0, 300), at(server), core=0)
    with spinning((0, -10)):
        _, stats = run.end()
    named(stats, {"degraded", "invalid"}, "late by", "99th percentile")


def test_3_a_generator_whose_core_is_full(start: Start, server: StaticServer) -> None:
    run = start(even(3.0, 15_000), at(server), core=0)  # twice what it can send
    named(run.end()[1], {"degraded", "invalid"}, "of the one core it can use")


def test_4_a_busy_machine(start: Start, server: StaticServer) -> None:
    with spinning(*((core, 0) for core in os.sched_getaffinity(0))):
        _, stats = start(even(2.0, 50), at(server)).end()
    named(stats, {"invalid"}, "the machine was", "busy")


def test_5_descriptors_used_up(start: Start, silent: str) -> None:
    run = start(even(2.0, 100), silent, request={"timeout": "3s"}, limits="--nofile=80:80")
    named(run.end()[1], {"invalid"}, "never left", "file descriptors were used up")


def test_6_ephemeral_ports_used_up(start: Start) -> None:
    quiet = "ip link set lo up && echo '40000 40040' > /proc/sys/net/ipv4/ip_local_port_range"
    try:
        subprocess.run(["unshare", "-n", "sh", "-c", quiet], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespace of our own: {error}")
    listening = shlex.join([sys.executable, "-c", SILENT % ("127.0.0.1", 9999)])
    inside = ["unshare", "-n", "sh", "-c", f'{quiet}; {listening} >/dev/null 2>&1 & sleep 0.5; exec "$0" "$@"']
    run = start(even(2.0, 100), "127.0.0.1:9999", request={"timeout": "3s"}, inside=inside)
    named(run.end()[1], {"invalid"}, "never left", "ports were used up")


def test_7_the_bound_on_outstanding_requests(start: Start, silent: str) -> None:
    run = start(even(2.0, 100), silent, "--max-outstanding", "50", request={"timeout": "3s"})
    rows, stats = run.end()
    named(stats, {"invalid"}, "requests were not sent, 50 being outstanding already")
    assert stats["dropped_outstanding"] == 200 - len(rows)


def test_8_a_worker_lost(start: Start, server: StaticServer) -> None:
    run = start(even(4.0, 50), at(server), "--processes", "2")
    wait_until(run.epoch + 1.0)
    os.kill(children(run.process.pid)[1], signal.SIGKILL)
    named(run.end()[1], {"invalid"}, "was lost", "50% of the load")


def test_9_a_run_given_up_leaves_all_that_was_measured(start: Start, silent: str) -> None:
    run = start(even(20.0, 50), silent, "--abort-on", "50%:2s", request={"timeout": "200ms"})
    rows, stats = run.end()
    assert time.monotonic() < run.epoch + 10
    named(stats, {"invalid"}, "given up", "(--abort-on)")
    assert len(rows) > 100


def test_10_a_run_that_was_stopped_early(start: Start, server: StaticServer) -> None:
    run = start(even(20.0, 50), at(server))
    wait_until(run.epoch + 1.0)
    run.process.send_signal(signal.SIGTERM)
    named(run.end()[1], {"invalid"}, "of 1000 planned requests were sent")


def test_11_a_generator_that_was_killed(start: Start, server: StaticServer) -> None:
    run = start(even(20.0, 50), at(server))
    wait_until(run.epoch + 1.5)
    run.kill()
    assert len(read_rows(run.records)) >= 50
    verdict = judged({}, planned=1000)
    assert verdict.verdict == "invalid"
    assert "0 of 1000 planned requests were sent" in verdict.reasons[0]


def test_12_a_server_that_is_not_there_is_no_fault_of_the_run(start: Start) -> None:
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    rows, stats = start(even(1.0, 50), f"{HOST}:{port}").end()
    assert judged(stats).reasons == ()
    assert len(rows) == 50

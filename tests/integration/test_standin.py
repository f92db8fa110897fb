"""A stand-in pod as the target runs it: a process that starts, serves, and goes when told."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration
# Tests in parallel processes have addresses of their own.
HOST, PORT = f"127.71.{1 + os.getpid() % 250}.8", 19471
BODY_BYTES = 20_000_000  # more than any socket buffer takes at once
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    processes: list[subprocess.Popen[str]] = []

    def begin(
        total_s: float = 0.05, cpu_s: float = 0.0, startup_s: float = 0.4, size_bytes: int = 1000
    ) -> subprocess.Popen[str]:
        path = tmp_path / "workload.json"
        behaviour = {"time": {"constant": total_s}, "cpu": cpu_s, "bytes": size_bytes}
        document: dict[str, Any] = {
            "paths": {"/live": behaviour},
            "startup": {"mean": startup_s, "cv": 0},
            "discipline": "workers",
            "workers": 8,
            "command": None,
        }
        path.write_text(json.dumps(document))
        command = [sys.executable, "-m", "matchday.standin", "--host", HOST, "--port", str(PORT), "--seed", "1"]
        processes.append(subprocess.Popen([*command, "--workload", str(path)], stderr=subprocess.PIPE, text=True))
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.wait()


def status(path: str) -> int:
    """0 when nobody listens."""
    connection = http.client.HTTPConnection(HOST, PORT, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
    except ConnectionError:
        return 0
    finally:
        connection.close()
    return answer.status


def until(path: str, wanted: int, within_s: float = 5.0) -> float:
    """When `path` first gave this status."""
    deadline = time.monotonic() + within_s
    while status(path) != wanted:
        assert time.monotonic() < deadline, f"{path} is not {wanted}"
        time.sleep(0.005)
    return time.monotonic()


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_readiness_comes_at_the_drawn_time_after_the_process_started(start: Start) -> None:
    began = time.monotonic()
    process = start(startup_s=0.8)
    until("/ready", 503)
    assert until("/ready", 200) - began == pytest.approx(0.8, abs=0.1)
    assert cpu_s(process.pid) < 0.4


def test_a_taken_address_is_said_in_one_line(start: Start) -> None:
    with socket.create_server((HOST, PORT)):
        process = start()
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 3
    assert errors.startswith(f"cannot listen on {HOST}:{PORT}: ")
    assert errors.count("\n") == 1


def test_a_pod_told_to_stop_finishes_what_is_in_flight(start: Start) -> None:
    process = start(total_s=0.6, size_bytes=BODY_BYTES)
    until("/ready", 200)
    connection = http.client.HTTPConnection(HOST, PORT, timeout=5)
    connection.request("GET", "/live")
    until("/ready", 200)  # served after the request before it was read
    process.send_signal(signal.SIGTERM)
    until("/ready", 503)
    answer = connection.getresponse()
    assert (answer.status, len(answer.read())) == (200, BODY_BYTES)
    assert process.wait(5) == 0


def test_a_request_uses_the_declared_cpu_the_servers_own_included(start: Start) -> None:
    process = start(total_s=0.02, cpu_s=0.005)
    until("/ready", 200)
    connection = http.client.HTTPConnection(HOST, PORT, timeout=5)
    before_s = cpu_s(process.pid)
    for _ in range(100):
        connection.request("GET", "/live")
        connection.getresponse().read()
    connection.close()
    assert (cpu_s(process.pid) - before_s) / 100 == pytest.approx(0.005, rel=0.1)


def test_a_pod_dies_with_its_parent(tmp_path: Path) -> None:
    document = {"paths": {}, "startup": {"mean": 0.1, "cv": 0}, "discipline": "shared-cpu", "workers": 1}
    (tmp_path / "workload.json").write_text(json.dumps(document))
    command = [sys.executable, "-m", "matchday.standin", "--host", HOST, "--port", str(PORT), "--seed", "1"]
    script = "import subprocess, sys, time; subprocess.Popen(sys.argv[1:]); time.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", script, *command, "--workload", str(tmp_path / "workload.json")])
    try:
        until("/ready", 200)
    finally:
        parent.kill()
        parent.wait()
    until("/ready", 0)

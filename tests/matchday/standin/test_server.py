"""The stand-in pod's connections and workers, on a loop of their own."""

import asyncio
import itertools
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from matchday.standin.server import Connection, Pod


def workload(total_s: float = 0.05, cpu_s: float = 0.0, workers: int = 2, startup_s: float = 0.001) -> dict[str, Any]:
    return {
        "paths": {"/live": {"time": {"constant": total_s}, "cpu": cpu_s, "bytes": 3}},
        "startup": {"mean": startup_s, "cv": 0},
        "discipline": "workers",
        "workers": workers,
    }


@asynccontextmanager
async def serving(pod: Pod) -> AsyncIterator[Callable[[str], Any]]:
    """Gives a function that sends one raw request on a new connection and returns the whole answer."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(pod), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def ask(raw: str) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(raw.encode())
        answer = await reader.read()
        writer.close()
        return answer.decode()

    yield ask
    server.close()


def get(path: str, extra: str = "Connection: close\r\n") -> str:
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n{extra}\r\n"


def test_requests_beyond_the_workers_wait_their_turn() -> None:
    async def run() -> float:
        async with serving(Pod(workload(), 1, 0.0)) as ask:
            began = time.monotonic()
            answers = await asyncio.gather(*(ask(get("/live")) for _ in range(6)))
            assert all(answer.endswith("\r\n\r\nmmm") for answer in answers)
            return time.monotonic() - began

    assert 0.15 <= asyncio.run(run()) < 0.25  # three rounds of two


def test_with_shared_cpu_all_are_served_at_once() -> None:
    async def run() -> float:
        async with serving(Pod({**workload(), "discipline": "shared-cpu"}, 1, 0.0)) as ask:
            began = time.monotonic()
            await asyncio.gather(*(ask(get("/live")) for _ in range(6)))
            return time.monotonic() - began

    assert 0.05 <= asyncio.run(run()) < 0.12


def test_one_connection_serves_request_after_request() -> None:
    async def run() -> str:
        async with serving(Pod(workload(0.01), 1, 0.0)) as ask:
            return str(await ask(get("/live", "") + get("/nowhere", "") + get("/live")))

    answer = asyncio.run(run())
    assert re.findall(r"HTTP/1.1 (\d+)", answer) == ["200", "404", "200"]


def test_a_head_request_has_no_body() -> None:
    async def run() -> str:
        async with serving(Pod(workload(0.01), 1, 0.0)) as ask:
            return str(await ask(get("/live").replace("GET", "HEAD")))

    assert asyncio.run(run()).endswith("\r\n\r\n")


@pytest.mark.parametrize("raw", ["nonsense\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"])
def test_what_is_not_http_is_refused(raw: str) -> None:
    async def run() -> str:
        async with serving(Pod(workload(), 1, 0.0)) as ask:
            return str(await ask(raw))

    assert asyncio.run(run()).startswith("HTTP/1.1 400 ")


def test_a_pod_is_ready_from_its_start_up_time_until_it_is_told_to_stop() -> None:
    async def run() -> list[str]:
        pod = Pod(workload(startup_s=0.2), 1, time.monotonic())
        async with serving(pod) as ask:
            seen = [await ask(get("/ready"))]
            deadline = time.monotonic() + 2
            while not pod.ready and time.monotonic() < deadline:
                await asyncio.sleep(0.01)
            seen.append(await ask(get("/ready")))
            pod.stopping = True
            seen.append(await ask(get("/ready")))
            return [answer.split()[1] for answer in seen]

    assert asyncio.run(run()) == ["503", "200", "503"]


def test_a_slow_pod_takes_its_factor_longer_and_only_for_a_while() -> None:
    body = '{"factor": 3, "duration": 0.1}'
    slow = f"POST /_matchday/slow HTTP/1.1\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}"

    async def run() -> list[float]:
        async with serving(Pod(workload(), 1, 0.0)) as ask:
            assert " 200 " in await ask(slow)
            times = [time.monotonic()]
            for _ in range(2):
                await ask(get("/live"))
                times.append(time.monotonic())
            return [end - start for start, end in itertools.pairwise(times)]

    first_s, second_s = asyncio.run(run())
    assert first_s >= 0.15
    assert 0.05 <= second_s < 0.13


def test_cpu_is_burnt_and_holds_what_serving_costs() -> None:
    async def run() -> float:
        async with serving(Pod(workload(0.012, 0.01), 1, 0.0)) as ask:
            began = time.process_time()
            for _ in range(20):
                await ask(get("/live"))
            return (time.process_time() - began) / 20

    # This test's own client is in the figure too, and in what the pod takes for its own.
    assert 0.009 <= asyncio.run(run()) < 0.014

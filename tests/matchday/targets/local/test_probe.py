import asyncio

import pytest

from balancer.policy.objects import Probe
from matchday.targets.local.addresses import free_port
from matchday.targets.local.probe import probe_once


async def _ask(answer: bytes, probe: Probe) -> bool:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if probe.path is not None:
            await reader.readline()
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        return await probe_once(probe, "127.0.0.1", server.sockets[0].getsockname()[1])


@pytest.mark.parametrize(
    ("answer", "ready"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.1 302 Found\r\n\r\n", True),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", False),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False),
        (b"nonsense\r\n", False),
        (b"", False),
    ],
)
def test_http_probe_takes_200_to_399_as_ready(answer: bytes, ready: bool) -> None:
    assert asyncio.run(_ask(answer, Probe(path="/ready"))) is ready


def test_tcp_probe_is_ready_when_the_port_accepts() -> None:
    assert asyncio.run(_ask(b"", Probe(path=None)))


def test_nobody_listening_is_not_ready() -> None:
    assert not asyncio.run(probe_once(Probe(), "127.0.0.1", free_port()))


def test_a_pod_that_does_not_answer_in_time_is_not_ready() -> None:
    async def silent() -> bool:
        async def handle(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(5)

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        ready = await probe_once(Probe(timeout_s=0.05), "127.0.0.1", port)
        server.close()
        return ready

    assert asyncio.run(silent()) is False

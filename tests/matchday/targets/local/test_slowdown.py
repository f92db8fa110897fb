import asyncio

import pytest

from matchday.errors import EnvironmentFailedError
from matchday.targets.local.addresses import free_port
from matchday.targets.local.slowdown import set_slowdown


def _answer(status: bytes) -> bytes:
    heard = b""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        heard = await reader.readuntil(b"\r\n\r\n")
        heard += await reader.read(100)
        writer.write(b"HTTP/1.1 " + status + b"\r\n\r\n")
        writer.close()

    async def play() -> None:
        async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
            await set_slowdown("127.0.0.1", server.sockets[0].getsockname()[1], 3.0, 20.0)

    asyncio.run(play())
    return heard


def test_factor_and_duration_are_sent() -> None:
    assert _answer(b"200 OK").endswith(b'{"factor": 3.0, "duration": 20.0}')


def test_a_pod_that_does_not_know_it_is_named() -> None:
    with pytest.raises(EnvironmentFailedError, match="404"):
        _answer(b"404 Not Found")


def test_a_pod_that_is_gone_is_named() -> None:
    with pytest.raises(EnvironmentFailedError, match="cannot be slowed"):
        asyncio.run(set_slowdown("127.0.0.1", free_port(), 2.0, 1.0))

"""A reload must not close a connection on which a client is about to send its next request."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Bench

pytestmark = pytest.mark.integration
Service = Callable[[Mapping[str, str] | None], str]
RELOADS = 8


async def keep_asking(bench: Bench, pause_s: float, over: asyncio.Event) -> Counter[str]:
    """Requests on one connection for as long as the proxy offers that; what became of them."""
    seen: Counter[str] = Counter()
    writer: asyncio.StreamWriter | None = None
    while not over.is_set():
        if writer is None:
            reader, writer = await asyncio.open_connection(bench.haproxy.bind_address, bench.haproxy.bind_port)
            seen["connections"] += 1
        try:
            writer.write(b"GET / HTTP/1.1\r\nHost: tv.example\r\n\r\n")
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(1)
        except (ConnectionError, asyncio.IncompleteReadError):
            seen["errors"] += 1
            writer = None
        else:
            seen["requests"] += 1
            if b"connection: close" in head:
                writer.close()
                writer = None
        await asyncio.sleep(pause_s)
    if writer is not None:
        writer.close()
    return seen


def test_reloads_close_no_connection_under_a_request(bench: Bench, one_service: Service) -> None:
    async def story() -> None:
        pod = await bench.pod("a")
        endpoints = {"default_live_http": (pod.endpoint(),)}
        bench.serve(one_service(None), endpoints)
        over = asyncio.Event()
        clients = [asyncio.create_task(keep_asking(bench, pause, over)) for pause in [0.002] * 5 + [0.03] * 40]
        await asyncio.sleep(0.3)
        for number in range(RELOADS):
            changed = one_service({"haproxy.org/timeout-server": f"{20 + number}s"})
            await asyncio.to_thread(bench.serve, changed, endpoints)
            await asyncio.sleep(0.2)
        over.set()
        seen = sum(await asyncio.gather(*clients), Counter[str]())
        assert bench.reloads == RELOADS
        assert seen["errors"] == 0
        assert seen["requests"] > 1000
        # nobody stays with a process that learns of no changes any more
        assert seen["connections"] >= RELOADS * len(clients)

    asyncio.run(story())

"""Tells a stand-in pod to turn slow."""

from __future__ import annotations

import asyncio
import json

from matchday.errors import EnvironmentFailedError


async def set_slowdown(address: str, port: int, factor: float, duration_s: float) -> None:
    """EnvironmentFailedError when the pod does not take it."""
    body = json.dumps({"factor": factor, "duration": duration_s}).encode()
    head = (
        f"POST /_matchday/slow HTTP/1.1\r\nHost: {address}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    try:
        async with asyncio.timeout(2.0):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                writer.write(head.encode() + body)
                answer = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError) as error:
        raise EnvironmentFailedError(f"the pod at {address}:{port} cannot be slowed: {error}") from error
    if b" 200 " not in answer:
        raise EnvironmentFailedError(
            f"the pod at {address}:{port} cannot be slowed: {answer.decode('latin-1').strip()}"
        )

"""A readiness probe as kubelet sends it: an HTTP GET that answers 200-399, or a TCP connect."""

from __future__ import annotations

import asyncio

from balancer.policy.objects import Probe


async def probe_once(probe: Probe, address: str, port: int) -> bool:
    """Whether the pod is ready now; no answer within the probe's time-out means no."""
    try:
        async with asyncio.timeout(probe.timeout_s):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                if probe.path is None:
                    return True
                writer.write(f"GET {probe.path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
                status_line = (await reader.readline()).split(maxsplit=2)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    # Source: Kubernetes documentation, "HTTP probes": any code from 200 to below 400 is a success.
    return len(status_line) >= 2 and status_line[1].isdigit() and 200 <= int(status_line[1]) < 400

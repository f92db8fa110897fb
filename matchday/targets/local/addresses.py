"""Loopback addresses and a port for one run's proxy and pods, unlikely to meet another run's."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

from matchday.errors import EnvironmentFailedError

_FIRST_PORT, _LAST_PORT = 18_000, 19_999  # below Linux's ephemeral range, so no client socket sits there


class Addresses:
    """127.A.B.0/24 by our pid: .1 is the proxy, .2 to .254 are pods, in turn. 127.0 to 127.15 is left to others."""

    def __init__(self, pid: int | None = None) -> None:
        pid = os.getpid() if pid is None else pid
        self._prefix = f"127.{16 + pid // 250 % 200}.{1 + pid % 250}"
        self.proxy = f"{self._prefix}.1"

    def pods(self) -> Iterator[str]:
        """Pod addresses, starting over after 253 pods; by then the first is long gone."""
        while True:
            for last in range(2, 255):
                yield f"{self._prefix}.{last}"


def free_port(start: int | None = None) -> int:
    """A port nobody listens on at any address; EnvironmentFailedError when all 2,000 are taken."""
    span = _LAST_PORT - _FIRST_PORT + 1
    offset = (os.getpid() if start is None else start) % span
    for i in range(span):
        port = _FIRST_PORT + (offset + i) % span
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port
    raise EnvironmentFailedError(f"every port from {_FIRST_PORT} to {_LAST_PORT} is taken")

"""A server that answers at once and keeps the moment at which each request came."""

import asyncio
import json
import subprocess
import sys
import time
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_ID = b"X-Request-Id: "


class _Peer(asyncio.Protocol):
    def __init__(self, came: list[tuple[int, float]]) -> None:
        self._came, self._unread = came, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        head, end, self._unread = (self._unread + data).partition(b"\r\n\r\n")
        if not end:
            self._unread = head
            return
        at = head.find(_ID)
        number = int(head[at + len(_ID) : head.index(b"-", at + len(_ID))]) if at >= 0 else -1
        self._came.append((number, now))
        self._transport.write(_ANSWER)


async def _serve(host: str) -> None:
    came: list[tuple[int, float]] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Peer(came), host, 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)

    def told() -> None:
        line = sys.stdin.readline()
        if line == "":
            loop.stop()
        elif line == "came\n":
            print(json.dumps(came), flush=True)

    loop.add_reader(sys.stdin.fileno(), told)
    await asyncio.Event().wait()


class Witness:
    """In a process of its own, so that no test shares a core's attention with it."""

    def __init__(self, host: str, core: int | None = None) -> None:
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        self._command = [*pinned, sys.executable, __file__, host]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._said())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def _said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def _tell(self, what: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def came(self, epoch: float) -> NDArray[np.float64]:
        """(n, 2) number and moment of each request, in seconds from `epoch`, in order of numbers."""
        self._tell("came")
        found: list[Any] = json.loads(self._said())
        rows = np.array(found, dtype=np.float64).reshape(-1, 2)
        rows[:, 1] -= epoch
        return rows[np.argsort(rows[:, 0], kind="stable")]


if __name__ == "__main__":
    try:
        asyncio.run(_serve(sys.argv[1]))
    except RuntimeError:  # the loop was stopped
        sys.exit(0)

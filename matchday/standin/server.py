"""The stand-in pod: an HTTP/1.1 server that takes the time and burns the CPU a scenario declares."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from matchday.standin.behaviour import Paths, Work, lognormal_s

_MOST_HEAD = 65_536
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 503: "Service Unavailable"}


class Pod:
    """The pod behind all connections: readiness, workers, slow-downs, CPU.

    `born` is the moment its process started, on `time.monotonic()`'s clock.
    """

    def __init__(self, workload: Mapping[str, Any], seed: int, born: float) -> None:
        self.paths = Paths(workload)
        self._chance = random.Random(seed)
        startup = workload["startup"]
        self._ready_at = born + lognormal_s(startup["mean"], startup["cv"], self._chance)
        self._workers = workload["workers"] if workload["discipline"] == "workers" else None
        self._busy = 0
        self._waiting: deque[tuple[Work, Callable[[Work], None]]] = deque()
        self._slow_until, self._slow_factor = 0.0, 1.0
        self.stopping = False
        self.transports: set[asyncio.Transport] = set()
        self.idle = asyncio.Event()
        self.idle.set()
        # CPU of parsing, timers and sockets that no burn has accounted for yet
        self._cpu_seen_s = time.process_time()

    @property
    def ready(self) -> bool:
        """Whether the readiness probe is answered with 200 now."""
        return not self.stopping and time.monotonic() >= self._ready_at

    @property
    def drained(self) -> bool:
        """Whether all answers have left."""
        return self.idle.is_set() and not any(t.get_write_buffer_size() for t in self.transports)

    def slow_down(self, factor: float, duration_s: float) -> None:
        """Take `factor` times as long until `duration_s` from now."""
        self._slow_factor, self._slow_until = factor, time.monotonic() + duration_s

    def serve(self, work: Work, done: Callable[[Work], None]) -> None:
        """Serve now, or FIFO when all workers are busy; `done` is called at the end."""
        if self._workers is not None and self._busy >= self._workers:
            self._waiting.append((work, done))
            return
        self._busy += 1
        self.idle.clear()
        factor = self._slow_factor if time.monotonic() < self._slow_until else 1.0
        end = time.monotonic() + work.draw_s(self._chance) * factor
        self._burn(work.cpu_s * factor)
        asyncio.get_running_loop().call_later(max(0.0, end - time.monotonic()), self._finish, work, done)

    def _burn(self, cpu_s: float) -> None:
        """Use CPU until this request's share is used, what serving it and its likes cost since the last burn included."""
        own_s = min(time.process_time() - self._cpu_seen_s, cpu_s / 2)
        until = time.process_time() + cpu_s - own_s
        while time.process_time() < until:
            pass
        self._cpu_seen_s = time.process_time()

    def _finish(self, work: Work, done: Callable[[Work], None]) -> None:
        self._busy -= 1
        done(work)
        if self._waiting:
            self.serve(*self._waiting.popleft())
        elif not self._busy:
            self.idle.set()


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests on it are answered one after the other."""

    def __init__(self, pod: Pod) -> None:
        self._pod = pod
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._serving = False
        self._keep_alive = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._pod.transports.add(transport)

    def connection_lost(self, _error: Exception | None) -> None:
        """The client is gone; work already begun goes on, as in a server that does not notice."""
        assert self._transport is not None
        self._pod.transports.discard(self._transport)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Collect a request; answer it when whole."""
        self._buffer += data
        self._next_request()

    def _next_request(self) -> None:
        if self._serving:
            return
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _MOST_HEAD:
                self._answer(400, b"request head too large\n", close=True)
            return
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        words = lines[0].split(" ")
        length = headers.get("content-length", "0")
        if len(words) != 3 or not length.isdecimal():
            self._answer(400, b"not HTTP/1.1\n", close=True)
            return
        if len(self._buffer) < end + 4 + int(length):
            return
        body = self._buffer[end + 4 : end + 4 + int(length)]
        self._buffer = self._buffer[end + 4 + int(length) :]
        self._keep_alive = headers.get("connection", "").lower() != "close"
        self._serving = True
        self._route(words[0], words[1], body)

    def _route(self, method: str, target: str, body: bytes) -> None:
        if target == "/ready":
            self._answer(200, b"ready\n") if self._pod.ready else self._answer(503, b"not ready\n")
            return
        if target == "/_matchday/slow" and method == "POST":
            asked = json.loads(body)
            self._pod.slow_down(float(asked["factor"]), float(asked["duration"]))
            self._answer(200, b"slow\n")
            return
        work = self._pod.paths.find(target)
        if work is None:
            self._answer(404, b"no such path\n")
        else:
            self._pod.serve(work, lambda served: self._answer(200, b"" if method == "HEAD" else served.body))

    def _answer(self, status: int, body: bytes, *, close: bool = False) -> None:
        self._serving = False
        if self._transport is None or self._transport.is_closing():
            return
        last = close or not self._keep_alive or self._pod.stopping
        head = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Length: {len(body)}\r\n"
        head += "Content-Type: text/plain\r\n" + ("Connection: close\r\n" if last else "") + "\r\n"
        self._transport.write(head.encode() + body)
        if last:
            self._transport.close()
        elif self._buffer:
            self._next_request()

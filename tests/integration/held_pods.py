"""Pods that answer only when told to, behind a real HAProxy: every step is looked at before the next."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from balancer.policy.objects import Endpoint

if TYPE_CHECKING:
    from tests.integration.conftest import Answer, Bench

Service = Callable[[Mapping[str, str] | None], str]
BACKEND = "default_live_http"
QUIET_S = 0.01


class HeldPod:
    """A pod that keeps each request until `answer`; GET /ready tells at once whether it is well."""

    def __init__(self, name: str, address: str) -> None:
        self.name, self.address, self.port = name, address, 0
        self.held: dict[str, asyncio.Event] = {}
        self.came: list[str] = []
        self.well = True
        self.checks: list[float] = []

    async def start(self) -> HeldPod:
        server = await asyncio.start_server(self._serve, self.address, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._accepting = asyncio.ensure_future(server.serve_forever())  # ends with the loop, and the server with it
        return self

    def endpoint(self) -> Endpoint:
        return Endpoint(self.name, self.address, self.port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
                status = 200
                if path == "/ready":
                    self.checks.append(time.monotonic())
                    status = 200 if self.well else 503
                else:
                    self.came.append(path.partition("?")[0])
                    self.held[path] = asyncio.Event()
                    await self.held[path].wait()
                    del self.held[path]
                head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(self.name)}\r\n\r\n"
                writer.write(head.encode() + self.name.encode())
                await writer.drain()
        writer.close()


class Stage:
    """One backend, its pods, and requests that come one after another."""

    def __init__(self, bench: Bench, pods: Iterable[HeldPod], manifests: str) -> None:
        self.bench, self.pods, self.manifests = bench, {pod.name: pod for pod in pods}, manifests
        self.sent: dict[str, asyncio.Task[Answer]] = {}

    def join(self, *names: str) -> None:
        """These pods come into rotation, at run time."""
        self.bench.serve(self.manifests, {BACKEND: tuple(self.pods[name].endpoint() for name in names)})

    def say(self, name: str, words: str) -> None:
        assert self.bench.haproxy.runtime.ask([f"set server {BACKEND}/{name} {words}"]) == [""]

    def stat(self, name: str) -> dict[str, str]:
        (text,) = self.bench.haproxy.runtime.ask([f"show stat {BACKEND} 6 -1"])
        (row,) = [row for row in csv.DictReader(text.lstrip("# ").splitlines()) if row["svname"] == name]
        return row

    def seen(self) -> dict[str, tuple[int, int]]:
        """Requests served and waiting at each pod, and in the backend's own queue (`all`: present, and waiting there)."""
        stats = self.bench.haproxy.runtime.stats(BACKEND)
        names = {stat.name: "all" if stat.kind == "backend" else stat.name for stat in stats}
        return {names[stat.name]: (stat.current_sessions, stat.queued) for stat in stats}

    async def settled(self) -> dict[str, tuple[int, int]]:
        """The same when nothing moves any more."""
        async with asyncio.timeout(5):
            before = None
            while True:
                now = self.seen()
                arrived = all(len(pod.held) == now.get(name, (0, 0))[0] for name, pod in self.pods.items())
                if now == before and arrived:
                    return now
                before = now
                await asyncio.sleep(QUIET_S)

    async def come(self, path: str) -> dict[str, tuple[int, int]]:
        """One more request, until it is served, waits or is over."""
        present = self.seen()["all"][0]
        task = self.sent[path] = asyncio.ensure_future(self.bench.get(path))
        async with asyncio.timeout(5):
            while not task.done() and self.seen()["all"][0] == present:
                await asyncio.sleep(0)
        return await self.settled()

    async def leave(self, name: str) -> dict[str, tuple[int, int]]:
        """The first request held by a pod is answered."""
        return await self.end(next(iter(self.pods[name].held)))

    async def end(self, path: str) -> dict[str, tuple[int, int]]:
        """A request held by some pod is answered."""
        next(pod for pod in self.pods.values() if path in pod.held).held[path].set()
        assert (await self.sent[path]).status == 200
        return await self.settled()

    async def give_up(self, path: str) -> dict[str, tuple[int, int]]:
        """A client hangs up."""
        present = self.seen()["all"][0]
        self.sent.pop(path).cancel()
        async with asyncio.timeout(5):
            while self.seen()["all"][0] == present:
                await asyncio.sleep(QUIET_S)
        return await self.settled()

    async def home(self, key: str) -> str:
        """The pod a key belongs to."""
        await self.come(f"/home?key={key}")
        name = next(name for name, pod in self.pods.items() if pod.held)
        await self.leave(name)
        self.pods[name].came.clear()
        return name

    def statuses(self) -> dict[str, int]:
        return {path: task.result().status for path, task in self.sent.items() if task.done()}


async def stage(
    bench: Bench, one_service: Service, words: Mapping[str, str], pods: str = "ab", *, join: bool = True
) -> Stage:
    """Pods of these names, all in rotation at once."""
    made = [await HeldPod(name, f"127.0.7.{i + 1}").start() for i, name in enumerate(pods)]
    scene = Stage(bench, made, one_service({f"haproxy.org/{word}": value for word, value in words.items()}))
    scene.join()
    if join:
        scene.join(*pods)
    return scene

"""A real HAProxy run by the controller core, small HTTP servers behind it, and a client in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from balancer.controller import Controller, SyncResult
from balancer.haproxy.binary import Binary, find_binary
from balancer.haproxy.log import LogLine, parse_all
from balancer.haproxy.process import HAProxy
from balancer.policy.manifests import read_manifests
from balancer.policy.objects import Endpoint, Manifests


@dataclass
class Answer:
    """What the client got; status 0 means no answer at all. `took_s` runs from the connection's opening."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    took_s: float = 0.0


class Upstream:
    """A pod: answers with its name after `delay_s`; keeps connections alive."""

    def __init__(self, name: str, address: str, delay_s: float = 0.0, status: int = 200) -> None:
        self.name, self.address, self.delay_s, self.status = name, address, delay_s, status
        self.port = 0
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.in_flight = self.most_in_flight = 0
        self.hang_up = False
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> Upstream:
        self._server = await asyncio.start_server(self._serve, self.address, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Refuse connections and cut those there are."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()
        await asyncio.sleep(0)

    def endpoint(self, *, serving: bool = True) -> Endpoint:
        return Endpoint(self.name, self.address, self.port, serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while not self.hang_up:
                first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in rest if line)}
                self.requests.append((first.split()[1], headers))
                if self.hang_up:
                    break
                self.in_flight += 1
                self.most_in_flight = max(self.most_in_flight, self.in_flight)
                await asyncio.sleep(self.delay_s)
                self.in_flight -= 1
                head = f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(self.name)}\r\n\r\n"
                writer.write(head.encode() + self.name.encode())
                await writer.drain()
        self._writers.discard(writer)
        writer.close()


def haproxy_under_test() -> Binary:
    """The wheel's, or the one named by MATCHDAY_TEST_HAPROXY."""
    named = os.environ.get("MATCHDAY_TEST_HAPROXY")
    return find_binary(Path(named) if named else None)


class Bench:
    """One HAProxy and what stands around it; everything is taken down with the test."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.haproxy = HAProxy(
            haproxy_under_test(), directory / "proxy", directory / "proxy.log", bind_port=free_port()
        )
        self.controller: Controller | None = None
        self.upstreams: list[Upstream] = []
        self.reloads = 0

    def serve(self, manifests: str | Manifests, endpoints: Mapping[str, tuple[Endpoint, ...]]) -> SyncResult:
        """Start with these manifests, or go over to them."""
        if isinstance(manifests, str):
            manifests, problems = read_manifests(list(yaml.safe_load_all(manifests)))
            assert problems == ()
        if self.controller is None:
            self.controller = Controller(self.haproxy, manifests)
        self.controller.manifests = manifests
        return self.sync(endpoints)

    def sync(self, endpoints: Mapping[str, tuple[Endpoint, ...]]) -> SyncResult:
        assert self.controller is not None
        result = self.controller.sync(endpoints)
        self.reloads += result.reloads
        return result

    async def pod(self, name: str, delay_s: float = 0.0, status: int = 200) -> Upstream:
        """A pod on a loopback address of its own."""
        upstream = await Upstream(name, f"127.0.7.{len(self.upstreams) + 1}", delay_s, status).start()
        self.upstreams.append(upstream)
        return upstream

    async def get(
        self,
        path: str = "/",
        host: str | None = "tv.example",
        headers: Mapping[str, str] | None = None,
        source: str = "127.0.0.1",
    ) -> Answer:
        """One request on a connection of its own."""
        began = time.monotonic()
        lines = [f"GET {path} HTTP/1.1" if host is not None else f"GET {path} HTTP/1.0"]
        lines += [] if host is None else [f"Host: {host}"]
        lines += ["Connection: close", *(f"{name}: {value}" for name, value in (headers or {}).items())]
        try:
            reader, writer = await asyncio.open_connection(
                self.haproxy.bind_address, self.haproxy.bind_port, local_addr=(source, 0)
            )
            try:
                writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
                raw = await reader.read()
            finally:
                writer.close()  # also when the test gives up: before Python 3.11.5 nobody else would
        except OSError:
            return Answer(0)
        if not raw:
            return Answer(0)
        head, _, body = raw.decode("latin-1").partition("\r\n\r\n")
        first, *rest = head.split("\r\n")
        fields = {k.lower(): v for k, _, v in (line.partition(": ") for line in rest)}
        return Answer(int(first.split()[1]), fields, body, time.monotonic() - began)

    async def spread(self, requests: int, path: str = "/{i}", headers: Mapping[str, str] | None = None) -> Counter[str]:
        """How many of so many requests each pod answered."""
        answers = [
            await self.get(path.format(i=i), headers={k: v.format(i=i) for k, v in (headers or {}).items()})
            for i in range(requests)
        ]
        assert {answer.status for answer in answers} == {200}
        return Counter(answer.body for answer in answers)

    async def log(self, count: int) -> list[LogLine]:
        """The first `count` requests of the log, which is written when a request ends."""
        lines: list[LogLine] = []

        def complete() -> bool:
            lines[:] = parse_all(self.haproxy.log_path.read_text().splitlines())
            return len(lines) >= count

        await until(complete)
        return lines

    def close(self) -> None:
        self.haproxy.stop(grace_s=0.0)


async def until(condition: Callable[[], bool], deadline_s: float = 5.0) -> None:
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(0.005)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def service_and_ingress(annotations: Mapping[str, str] | None = None) -> str:
    """Manifests of one Service behind every path of every host; its backend is `default_live_http`."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "live", "annotations": dict(annotations or {})},
        "spec": {"selector": {"app": "live"}, "ports": [{"name": "http", "port": 80}]},
    }
    backend = {"service": {"name": "live", "port": {"name": "http"}}}
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "live"},
        "spec": {"rules": [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]},
    }
    return str(yaml.safe_dump_all([service, ingress]))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


@pytest.fixture
def one_service() -> Callable[[Mapping[str, str] | None], str]:
    return service_and_ingress

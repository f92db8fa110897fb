"""Pods come and go under load: the real HAProxy takes them at run time, and no request fails for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from balancer.policy.objects import Endpoint
from balancer.policy.plan import AddServer, DeleteServer, DrainServer

if TYPE_CHECKING:
    from tests.integration.conftest import Bench

pytestmark = pytest.mark.integration
Service = Callable[[Mapping[str, str] | None], str]
BACKEND = "default_live_http"
ANNOTATION = "haproxy.org/load-balance"
TAKES_SERVERS_AT_RUNTIME = [
    "roundrobin", "leastconn", "random", "random(3)", "first", "source", "uri", "hdr(X-User)", "url_param user",
]  # fmt: skip


@asynccontextmanager
async def load(bench: Bench, clients: int = 8) -> AsyncIterator[list[int]]:
    """Clients that ask one thing after the other until the block ends; the status of every answer.

    Every other one keeps its connection, so that HAProxy keeps and shares connections to the pods as well.
    """
    answers: list[int] = []
    over = asyncio.Event()

    async def client(number: int) -> None:
        while not over.is_set():
            answers.append((await bench.get(f"/{number}")).status)

    async def loyal_client(number: int) -> None:
        reader, writer = await asyncio.open_connection(bench.haproxy.bind_address, bench.haproxy.bind_port)
        while not over.is_set():
            writer.write(f"GET /{number} HTTP/1.1\r\nHost: tv.example\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            await reader.readexactly(int(head.partition("content-length: ")[2].split()[0]))
            answers.append(int(head.split()[1]))
        writer.close()

    tasks = [asyncio.ensure_future((loyal_client if i % 2 else client)(i)) for i in range(clients)]
    yield answers
    over.set()
    await asyncio.gather(*tasks)


async def later(answers: list[int], more: int) -> None:
    """Wait for so many more answers."""
    goal = len(answers) + more
    async with asyncio.timeout(10):
        while len(answers) < goal:
            await asyncio.sleep(0.005)


def test_ten_pods_come_and_go_under_load_without_a_failure_or_a_reload(bench: Bench, one_service: Service) -> None:
    async def story() -> None:
        stays = await bench.pod("stays", delay_s=0.01)
        bench.serve(one_service({"haproxy.org/pod-maxconn": "4"}), {BACKEND: (stays.endpoint(),)})
        assert bench.controller is not None
        async with load(bench) as answers:
            for i in range(10):
                pod = await bench.pod(f"pod-{i}", delay_s=0.01)
                added = bench.sync({BACKEND: (stays.endpoint(), pod.endpoint())})
                assert next(type(c) for c in added.commands) is AddServer
                await later(answers, 30)
                bench.sync({BACKEND: (stays.endpoint(), pod.endpoint(serving=False))})
                async with asyncio.timeout(5):
                    while not bench.controller.is_idle(pod.name):
                        await asyncio.sleep(0.005)
                served = len(pod.requests)
                await pod.stop()
                gone = bench.sync({BACKEND: (stays.endpoint(),)})
                assert [type(c) for c in gone.commands] == [DeleteServer]
                assert served > 0
        assert Counter(answers) == {200: len(answers)}
        assert (bench.reloads, bench.haproxy.reloads) == (0, 0)
        assert [stat.name for stat in bench.haproxy.servers()] == ["stays"]

    asyncio.run(story())


@pytest.mark.parametrize("algorithm", TAKES_SERVERS_AT_RUNTIME)
def test_servers_added_at_run_time_get_their_share(bench: Bench, one_service: Service, algorithm: str) -> None:
    """Six are added to one: without explicit ids, random and hashes gave traffic to two of six (reference)."""

    async def story() -> None:
        pods = [await bench.pod(f"pod-{i}", delay_s=0.02 if algorithm == "first" else 0.0) for i in range(7)]
        words = {ANNOTATION: algorithm, **({"haproxy.org/pod-maxconn": "1"} if algorithm == "first" else {})}
        bench.serve(one_service(words), {BACKEND: (pods[0].endpoint(),)})
        bench.sync({BACKEND: tuple(pod.endpoint() for pod in pods)})
        answers = await asyncio.gather(
            *(bench.get(f"/{i}?user={i}", headers={"X-User": str(i)}, source=f"127.0.8.{i + 1}") for i in range(210))
        )
        shares = Counter(answer.body for answer in answers)
        assert bench.haproxy.reloads == 0
        assert shares.keys() == {pod.name for pod in pods}
        assert min(shares.values()) >= 8

    asyncio.run(story())


def test_a_user_stays_with_a_pod_while_others_come(bench: Bench, one_service: Service) -> None:
    async def story() -> None:
        pods = [await bench.pod(f"pod-{i}") for i in range(5)]
        bench.serve(one_service({ANNOTATION: "hdr(X-User)"}), {BACKEND: tuple(p.endpoint() for p in pods[:4])})

        async def homes() -> list[str]:
            return [(await bench.get(headers={"X-User": f"user-{i}"})).body for i in range(100)]

        before = await homes()
        bench.sync({BACKEND: tuple(p.endpoint() for p in pods)})
        after = await homes()
        moved = [new for old, new in zip(before, after, strict=True) if old != new]
        assert set(moved) == {"pod-4"}
        assert 8 <= len(moved) <= 35

    asyncio.run(story())


@pytest.mark.parametrize(
    "words", [{ANNOTATION: "static-rr"}, {ANNOTATION: "uri", "haproxy.org/hash-type": "map-based"}]
)
def test_an_algorithm_that_takes_no_servers_at_run_time_reloads_for_one_and_loses_no_request_in_flight(
    bench: Bench, one_service: Service, words: Mapping[str, str]
) -> None:
    async def story() -> None:
        pods = [await bench.pod(f"pod-{i}", delay_s=0.3) for i in range(3)]
        bench.serve(one_service(words), {BACKEND: tuple(p.endpoint() for p in pods[:2])})
        assert bench.controller is not None
        asked = [asyncio.ensure_future(bench.get(f"/{i}")) for i in range(8)]
        await asyncio.sleep(0.1)
        result = bench.sync({BACKEND: tuple(p.endpoint() for p in pods)})
        assert result.reloads == 1
        assert "no servers at run time" in result.reasons[0]
        busy = [pod.name for pod in pods if pod.in_flight]
        assert busy
        assert not any(bench.controller.is_idle(name) for name in busy)
        assert {answer.status for answer in await asyncio.gather(*asked)} == {200}
        async with asyncio.timeout(5):
            while not all(bench.controller.is_idle(pod.name) for pod in pods):
                await asyncio.sleep(0.01)
        drained = bench.sync({BACKEND: (pods[0].endpoint(serving=False), *(p.endpoint() for p in pods[1:]))})
        assert drained.reloads == 0
        for pod in pods:
            pod.delay_s = 0.0
        spread = await bench.spread(20)
        assert spread.keys() == {"pod-1", "pod-2"}
        gone = bench.sync({BACKEND: tuple(p.endpoint() for p in pods[1:])})
        assert (gone.reloads, [type(c) for c in gone.commands]) == (0, [DeleteServer])

    asyncio.run(story())


def test_a_busy_server_is_deleted_by_the_first_sync_that_finds_it_idle(bench: Bench, one_service: Service) -> None:
    async def story() -> None:
        stays, leaves = await bench.pod("stays"), await bench.pod("leaves", delay_s=0.4)
        bench.serve(one_service({ANNOTATION: "roundrobin"}), {BACKEND: (leaves.endpoint(),)})
        assert bench.controller is not None
        asked = asyncio.ensure_future(bench.get())
        async with asyncio.timeout(5):
            while not leaves.in_flight:
                await asyncio.sleep(0.005)
        endpoints = {BACKEND: (stays.endpoint(),)}
        assert [type(c) for c in bench.sync(endpoints).commands][2:] == [DrainServer]
        assert not bench.controller.is_idle("leaves")
        assert bench.sync(endpoints).commands == ()
        newcomer = await bench.pod("newcomer")
        bench.sync({BACKEND: (stays.endpoint(), newcomer.endpoint())})
        ids = {c.server: c.id for c in bench.haproxy.runtime.connections(BACKEND)}
        assert len(set(ids.values())) == 3
        assert (await asked).body == "leaves"
        assert bench.controller.is_idle("leaves")
        done = bench.sync({BACKEND: (stays.endpoint(), newcomer.endpoint())})
        assert done.commands == (DeleteServer(BACKEND, "leaves"),)
        assert bench.sync({BACKEND: (stays.endpoint(), newcomer.endpoint())}).commands == ()

    asyncio.run(story())


def test_a_pod_that_comes_back_before_it_was_deleted_serves_at_its_new_address(
    bench: Bench, one_service: Service
) -> None:
    async def story() -> None:
        old, other = await bench.pod("db-0", delay_s=0.3), await bench.pod("db-1")
        bench.serve(one_service(None), {BACKEND: (old.endpoint(),)})
        asked = asyncio.ensure_future(bench.get())
        async with asyncio.timeout(5):
            while not old.in_flight:
                await asyncio.sleep(0.005)
        bench.sync({BACKEND: (other.endpoint(),)})
        new = await bench.pod("db-0")
        bench.sync({BACKEND: (new.endpoint(), other.endpoint())})
        assert (await bench.spread(10)).keys() == {"db-0", "db-1"}
        assert len(new.requests) == 5
        assert (await asked).status == 200
        assert bench.haproxy.reloads == 0

    asyncio.run(story())


def test_maxconn_changes_while_requests_run(bench: Bench, one_service: Service) -> None:
    async def story() -> None:
        pod = await bench.pod("a", delay_s=0.1)
        for maxconn in ("2", "5", "3"):
            bench.serve(one_service({"haproxy.org/pod-maxconn": maxconn}), {BACKEND: (pod.endpoint(),)})
            pod.most_in_flight = 0
            await asyncio.gather(*(bench.get(f"/{i}") for i in range(8)))
            assert pod.most_in_flight == int(maxconn)
        bench.serve(one_service(None), {BACKEND: (pod.endpoint(),)})
        await asyncio.gather(*(bench.get(f"/{i}") for i in range(8)))
        assert pod.most_in_flight == 8
        assert bench.haproxy.reloads == 0

    asyncio.run(story())


def test_a_refused_command_is_set_right_by_a_reload(bench: Bench, one_service: Service) -> None:
    async def story() -> None:
        first, second = await bench.pod("first"), await bench.pod("second")
        bench.serve(one_service(None), {BACKEND: (first.endpoint(),)})
        meddled = f"add server {BACKEND}/second {second.address}:{second.port} id 9"
        assert bench.haproxy.runtime.ask([meddled]) == ["New server registered."]
        result = bench.sync({BACKEND: (first.endpoint(), second.endpoint())})
        assert (result.reloads, result.commands) == (1, ())
        assert "HAProxy refused `add server" in result.reasons[0]
        assert (await bench.spread(10)) == {"first": 5, "second": 5}

    asyncio.run(story())


def test_a_sync_is_a_matter_of_milliseconds(bench: Bench, one_service: Service) -> None:
    async def story() -> None:
        pod = await bench.pod("a")
        many = tuple(Endpoint(f"pod-{i}", pod.address, pod.port) for i in range(50))
        bench.serve(one_service(None), {BACKEND: ()})
        took_s = [bench.sync({BACKEND: many[: i + 1]}).took_s for i in range(50)]
        assert sorted(took_s)[25] < 0.02

    asyncio.run(story())

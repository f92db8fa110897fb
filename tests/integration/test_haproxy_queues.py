"""Where requests wait in the real HAProxy: limits that move, bounded queues, slow starts."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from balancer.haproxy.log import failure_kind
from tests.integration.held_pods import QUIET_S, Service, stage

if TYPE_CHECKING:
    from tests.integration.conftest import Answer, Bench

pytestmark = pytest.mark.integration
LIMITED = {"pod-maxconn": "10", "pod-minconn": "2", "fullconn": "20", "timeout-queue": "60s", "check": "false"}
ONE_AT_A_TIME = {"pod-maxconn": "1", "timeout-queue": "60s", "check": "false"}
BY_KEY = "url_param key"


@pytest.mark.parametrize("algorithm", ["leastconn", "random"])
def test_a_calm_limit_grows_with_every_request_and_the_newcomer_takes_the_new_slot(
    bench: Bench, one_service: Service, algorithm: str
) -> None:
    """The limit is 10 * present // 20, at least 2, and the one being picked is present already."""

    async def story() -> None:
        scene = await stage(bench, one_service, {**LIMITED, "load-balance": algorithm}, "a")
        served = [(await scene.come(f"/{i}"))["a"][0] for i in range(1, 23)]
        assert served == [1, 2, 2, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 10]
        assert scene.pods["a"].came[:4] == ["/1", "/2", "/6", "/8"]

    asyncio.run(story())


@pytest.mark.parametrize("algorithm", ["roundrobin", "first"])
def test_a_limit_that_grew_is_of_no_use_to_a_queue_until_a_slot_is_freed(
    bench: Bench, one_service: Service, algorithm: str
) -> None:
    """The one who leaves still counts: 12 present give 6 slots, of which it leaves none empty."""

    async def story() -> None:
        scene = await stage(bench, one_service, {**LIMITED, "load-balance": algorithm}, "a")
        for i in range(12):
            last = await scene.come(f"/{i}")
        assert last == {"a": (2, 0), "all": (12, 10)}
        assert await scene.leave("a") == {"a": (6, 0), "all": (11, 5)}
        assert await scene.leave("a") == {"a": (5, 0), "all": (10, 5)}
        assert scene.pods["a"].came == [f"/{i}" for i in range(7)]

    asyncio.run(story())


def test_a_request_that_joins_a_pods_own_queue_lets_its_heads_in_as_far_as_the_limit_goes(
    bench: Bench, one_service: Service
) -> None:
    async def story() -> None:
        scene = await stage(bench, one_service, {**LIMITED, "pod-minconn": "1", "load-balance": BY_KEY})
        homes = {await scene.home(str(key)): str(key) for key in range(12)}
        for i in range(4):
            await scene.come(f"/a{i}?key={homes['a']}")
        assert scene.pods["a"].came == ["/a0", "/a1"]
        for i in range(8):
            last = await scene.come(f"/b{i}?key={homes['b']}")
        assert last == {"a": (2, 2), "b": (6, 2), "all": (12, 0)}
        assert await scene.come(f"/a4?key={homes['a']}") == {"a": (5, 0), "b": (6, 2), "all": (13, 0)}
        assert scene.pods["a"].came == ["/a0", "/a1", "/a2", "/a3", "/a4"]

    asyncio.run(story())


CALM = {"pod-maxconn": "8", "pod-minconn": "1", "fullconn": "20", "load-balance": BY_KEY}


@pytest.mark.parametrize("ending", ["refused", "gone"])
def test_a_pods_heads_go_in_when_one_who_came_for_it_is_refused_or_stops_waiting(
    bench: Bench, one_service: Service, ending: str
) -> None:
    """7 are present when it is over, so a slot has come since the pod's second request began to wait."""

    async def story() -> None:
        words = {**CALM, "pod-maxqueue": "2"} if ending == "refused" else CALM
        scene = await stage(bench, one_service, {**words, "timeout-queue": "60s", "check": "false"})
        homes = {await scene.home(str(key)): str(key) for key in range(12)}
        for i in range(3):
            await scene.come(f"/a{i}?key={homes['a']}")
        for i in range(4 if ending == "refused" else 5):
            last = await scene.come(f"/b{i}?key={homes['b']}")
        assert last["a"] == (1, 2)
        if ending == "refused":
            assert await scene.come(f"/a3?key={homes['a']}") == {"a": (2, 1), "b": (2, 2), "all": (7, 0)}
        else:
            assert (await scene.give_up(f"/a2?key={homes['a']}"))["a"] == (2, 0)

    asyncio.run(story())


def test_one_too_many_for_a_hashed_pod_is_a_503_at_once(bench: Bench, one_service: Service) -> None:
    async def story() -> None:
        words = {**ONE_AT_A_TIME, "pod-maxqueue": "2", "load-balance": BY_KEY}
        scene = await stage(bench, one_service, words)
        home = await scene.home("x")
        for i in range(5):
            last = await scene.come(f"/{i}?key=x")
        assert last[home] == (1, 2)
        assert last["all"] == (3, 0)
        assert list(scene.statuses().values()) == [200, 503, 503]
        refused = [line for line in await bench.log(3) if line.status == 503]
        assert [(failure_kind(line), line.retries) for line in refused] == [("queue_timeout", 0)] * 2

    asyncio.run(story())


def test_leastconn_fills_the_pods_queues_first_and_the_backends_without_end(bench: Bench, one_service: Service) -> None:
    async def story() -> None:
        scene = await stage(bench, one_service, {**ONE_AT_A_TIME, "pod-maxqueue": "2", "load-balance": "leastconn"})
        for i in range(10):
            last = await scene.come(f"/{i}")
        assert last == {"a": (1, 2), "b": (1, 2), "all": (10, 4)}
        for name in ("a", "b", "a", "b", "a", "b"):
            last = await scene.leave(name)
        assert last == {"a": (1, 0), "b": (1, 0), "all": (4, 2)}
        assert sorted(scene.pods["a"].came[1:3] + scene.pods["b"].came[1:3]) == ["/2", "/3", "/4", "/5"]

    asyncio.run(story())


@pytest.mark.parametrize("algorithm", ["roundrobin", "static-rr", "random", "first"])
def test_a_bound_on_a_pods_queue_means_nothing_where_all_wait_in_the_backends(
    bench: Bench, one_service: Service, algorithm: str
) -> None:
    async def story() -> None:
        scene = await stage(bench, one_service, {**ONE_AT_A_TIME, "pod-maxqueue": "1", "load-balance": algorithm})
        for i in range(8):
            last = await scene.come(f"/{i}")
        assert last == {"a": (1, 0), "b": (1, 0), "all": (8, 6)}

    asyncio.run(story())


@pytest.mark.parametrize("words", ["state drain", "state maint"])
def test_a_queue_moves_on_when_its_pod_leaves_and_comes_to_an_end_with_the_last(
    bench: Bench, one_service: Service, words: str
) -> None:
    async def story() -> None:
        scene = await stage(bench, one_service, {**ONE_AT_A_TIME, "pod-maxqueue": "2", "load-balance": "leastconn"})
        for i in range(7):
            last = await scene.come(f"/{i}")
        assert last == {"a": (1, 2), "b": (1, 2), "all": (7, 1)}
        scene.say("a", words)
        assert await scene.settled() == {"a": (1, 0), "b": (1, 2), "all": (7, 3)}
        assert await scene.leave("a") == {"a": (0, 0), "b": (1, 2), "all": (6, 3)}
        scene.say("b", words)
        assert await scene.settled() == {"a": (0, 0), "b": (1, 0), "all": (1, 0)}
        await asyncio.gather(*(task for path, task in scene.sent.items() if path not in scene.pods["b"].held))
        assert sorted(scene.statuses().values()) == [200, 503, 503, 503, 503, 503]
        assert [failure_kind(line) for line in await bench.log(6) if line.status == 503] == ["no_server"] * 5
        assert await scene.leave("b") == {"a": (0, 0), "b": (0, 0), "all": (0, 0)}

    asyncio.run(story())


SLOW = {"slow-start": "4s", "pod-maxconn": "8", "timeout-queue": "60s", "check": "false"}


async def in_the_middle_of_a_second() -> float:
    """The wall clock's time once it is about half past a whole second."""
    while not 0.5 < time.time() % 1 < 0.55:
        await asyncio.sleep(QUIET_S)
    return time.time()


def test_a_slow_start_gives_a_newcomer_its_next_slot_with_the_wall_clocks_next_second(
    bench: Bench, one_service: Service
) -> None:
    """8 slots over 4 s: 1 at first, 2 from the next whole second on, though only half a second has passed."""

    async def story() -> None:
        scene = await stage(bench, one_service, {**SLOW, "load-balance": "leastconn"}, "a", join=False)
        joined_s = await in_the_middle_of_a_second()
        scene.join("a")
        asked: list[asyncio.Task[Answer]] = []
        while len(scene.pods["a"].held) < 2:
            asked.append(asyncio.ensure_future(bench.get(f"/{len(asked)}")))
            await asyncio.sleep(QUIET_S)
        assert 0.3 < time.time() - joined_s < 0.9
        assert int(time.time()) == int(joined_s) + 1

    asyncio.run(story())


def test_a_slow_start_serves_those_who_wait_each_full_second_after_joining(bench: Bench, one_service: Service) -> None:
    async def story() -> None:
        scene = await stage(bench, one_service, {**SLOW, "load-balance": "roundrobin"}, "a", join=False)
        joined_s = await in_the_middle_of_a_second()
        scene.join("a")
        asked = [asyncio.ensure_future(bench.get(f"/{i}")) for i in range(12)]
        slots: list[tuple[int, float]] = []
        while not slots or slots[-1][0] < 6:
            now = len(scene.pods["a"].held)
            if now and (not slots or now != slots[-1][0]):
                slots.append((now, time.time() - joined_s))
            await asyncio.sleep(QUIET_S)
        assert len(asked) == 12
        last = {count: at_s for count, at_s in slots if count in {1, 2, 4, 6}}
        assert [last[count] for count in (2, 4, 6)] == pytest.approx([1, 2, 3], abs=0.3)

    asyncio.run(story())


@pytest.mark.parametrize("algorithm", ["roundrobin", "random", "first", BY_KEY])
def test_a_slow_start_gives_weight_in_sixteenths_to_whoever_joins_at_run_time(
    bench: Bench, one_service: Service, algorithm: str
) -> None:
    async def story() -> None:
        words = {"slow-start": "2s", "check": "false", "load-balance": algorithm}
        scene = await stage(bench, one_service, words, "a")
        weights: list[int] = []
        async with asyncio.timeout(10):
            while 100 not in weights:
                now = int(scene.stat("a")["weight"])
                weights += [now] if now not in weights else []
                await asyncio.sleep(QUIET_S)
        assert weights == [7, 57, 100]  # 1, 9 and 16 sixteenths, rounded up

    asyncio.run(story())


def test_a_slow_start_follows_maintenance_but_neither_a_drain_nor_a_reload(bench: Bench, one_service: Service) -> None:
    async def story() -> None:
        scene = await stage(bench, one_service, {**SLOW, "slow-start": "60s"}, "a")
        assert scene.stat("a")["weight"] == "7"
        assert bench.controller is not None
        assert bench.controller.current is not None
        bench.haproxy.reload(bench.controller.current)
        assert scene.stat("a")["weight"] == "100"
        for state, weight in (("drain", "100"), ("maint", "7")):
            scene.say("a", f"state {state}")
            scene.say("a", "state ready")
            assert scene.stat("a")["weight"] == weight

    asyncio.run(story())

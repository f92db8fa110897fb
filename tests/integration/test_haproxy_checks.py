"""When the real HAProxy finds a pod bad or good again, and what becomes of its requests."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from balancer.haproxy.log import failure_kind
from tests.integration.held_pods import QUIET_S, Service, Stage, stage

if TYPE_CHECKING:
    from tests.integration.conftest import Bench

pytestmark = pytest.mark.integration
INTERVAL_S = 0.3
CHECKED = {"check-http": "/ready", "check-interval": "300ms", "pod-maxconn": "1", "timeout-queue": "60s"}


async def statuses_until(scene: Stage, name: str, goal: str) -> list[str]:
    """Every status HAProxy says of a pod until the goal."""
    seen: list[str] = []
    async with asyncio.timeout(10):
        while goal not in seen:
            now = scene.stat(name)["status"]
            seen += [] if seen[-1:] == [now] else [now]
            await asyncio.sleep(QUIET_S)
    return seen


def turned(scene: Stage, name: str, *, well: bool) -> list[float]:
    """A pod turns well or bad; the moments of its checks from now on."""
    scene.pods[name].well = well
    moments = scene.pods[name].checks = []
    return moments


def test_three_failing_checks_an_interval_apart_put_a_pod_down_and_two_good_ones_up(
    bench: Bench, one_service: Service
) -> None:
    async def story() -> None:
        scene = await stage(bench, one_service, CHECKED, "a")
        await statuses_until(scene, "a", "UP")
        bad = turned(scene, "a", well=False)
        assert await statuses_until(scene, "a", "DOWN") == ["UP", "UP 2/3", "UP 1/3", "DOWN"]
        assert len(bad) == 3
        assert bad[2] - bad[0] == pytest.approx(2 * INTERVAL_S, abs=0.15)
        good = turned(scene, "a", well=True)
        assert await statuses_until(scene, "a", "UP") == ["DOWN", "DOWN 1/2", "UP"]
        assert len(good) == 2

    asyncio.run(story())


def test_a_pod_that_joins_is_checked_an_interval_later_and_a_single_failure_puts_it_down(
    bench: Bench, one_service: Service
) -> None:
    async def story() -> None:
        scene = await stage(bench, one_service, CHECKED, "ab", join=False)
        checks = {name: turned(scene, name, well=False) for name in "ab"}
        joined_s = time.monotonic()
        scene.join("a", "b")
        assert await statuses_until(scene, "a", "DOWN") == ["UP 1/3", "DOWN"]
        await statuses_until(scene, "b", "DOWN")
        firsts = [checks["a"][0] - joined_s, checks["b"][0] - joined_s]
        assert firsts == pytest.approx([INTERVAL_S, INTERVAL_S], abs=0.15)

    asyncio.run(story())


def test_a_new_process_takes_every_pod_for_good_until_a_check_and_spreads_the_checks_over_an_interval(
    bench: Bench, one_service: Service
) -> None:
    async def story() -> None:
        scene = await stage(bench, one_service, {**CHECKED, "check-interval": "1200ms"}, "abc")
        await statuses_until(scene, "c", "UP")
        turned(scene, "c", well=False)
        await statuses_until(scene, "c", "DOWN")
        checks = [turned(scene, name, well=name != "c") for name in "abc"]
        assert bench.controller is not None
        assert bench.controller.current is not None
        await asyncio.to_thread(bench.haproxy.reload, bench.controller.current)
        assert await statuses_until(scene, "c", "DOWN") == ["UP 1/3", "DOWN"]
        firsts = [moments[-1] for moments in checks]
        assert [first - firsts[0] for first in firsts] == pytest.approx([0, 0.4, 0.8], abs=0.15)

    asyncio.run(story())


def test_a_queue_moves_on_when_its_pod_is_found_down_but_what_runs_there_goes_on(
    bench: Bench, one_service: Service
) -> None:
    async def story() -> None:
        scene = await stage(bench, one_service, {**CHECKED, "load-balance": "url_param key"})
        home = await scene.home("x")
        other = "b" if home == "a" else "a"
        for i in range(4):
            last = await scene.come(f"/{i}?key=x")
        assert last == {home: (1, 3), other: (0, 0), "all": (4, 0)}
        turned(scene, home, well=False)
        await statuses_until(scene, home, "DOWN")
        assert await scene.settled() == {home: (1, 0), other: (1, 2), "all": (4, 0)}
        assert scene.pods[other].came == ["/1"]
        assert await scene.leave(home) == {home: (0, 0), other: (1, 2), "all": (3, 0)}
        turned(scene, home, well=True)
        await statuses_until(scene, home, "UP")
        assert await scene.settled() == {home: (0, 0), other: (1, 2), "all": (3, 0)}

    asyncio.run(story())


def test_a_pod_found_down_takes_nobody_from_the_backends_queue_and_one_found_up_does_at_once(
    bench: Bench, one_service: Service
) -> None:
    async def story() -> None:
        scene = await stage(bench, one_service, {**CHECKED, "load-balance": "roundrobin"})
        for i in range(4):
            await scene.come(f"/{i}")
        turned(scene, "a", well=False)
        await statuses_until(scene, "a", "DOWN")
        assert await scene.leave("a") == {"a": (0, 0), "b": (1, 0), "all": (3, 2)}
        turned(scene, "a", well=True)
        await statuses_until(scene, "a", "UP")
        assert await scene.settled() == {"a": (1, 0), "b": (1, 0), "all": (3, 1)}

    asyncio.run(story())


def test_everyone_who_waits_is_told_503_at_once_when_the_last_pod_is_found_down(
    bench: Bench, one_service: Service
) -> None:
    async def story() -> None:
        scene = await stage(bench, one_service, {**CHECKED, "load-balance": "roundrobin"}, "a")
        for i in range(4):
            last = await scene.come(f"/{i}")
        assert last == {"a": (1, 0), "all": (4, 3)}
        turned(scene, "a", well=False)
        await statuses_until(scene, "a", "DOWN")
        assert await scene.settled() == {"a": (1, 0), "all": (1, 0)}
        assert await scene.come("/late") == {"a": (1, 0), "all": (1, 0)}
        assert await scene.leave("a") == {"a": (0, 0), "all": (0, 0)}
        assert sorted(scene.statuses().values()) == [200, 503, 503, 503, 503]
        assert [failure_kind(line) for line in await bench.log(5) if line.status == 503] == ["no_server"] * 4

    asyncio.run(story())

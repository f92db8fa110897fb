from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from sim.clock import Clock
from sim.dataplane import tables as t
from sim.kernel_plane import KernelPlane
from sim.kinds import kinds_of
from sim.streams import Streams
from sim.workload import declared

if TYPE_CHECKING:
    from tests.sim.conftest import World


def plane_of(shop: World) -> KernelPlane:
    behaviour = declared(shop.scenario)
    return KernelPlane(
        Clock(), shop.scenario, shop.cluster, kinds_of(shop.scenario, behaviour), behaviour, Streams(1, 0)
    )


def test_pods_are_rows_that_live_are_idle_and_die(world: type[World]) -> None:
    plane = plane_of(world())
    pod = plane.new_pod("live", "live-1")
    assert (pod.alive, pod.in_flight, pod.accepted, pod.cpu_used_s()) == (True, 0, 0, 0.0)
    pod.kill()
    assert not pod.alive


def test_hundreds_of_pods_find_room(world: type[World]) -> None:
    plane = plane_of(world(balance="leastconn"))
    for i in range(300):
        plane.add("live", plane.new_pod("live", f"live-{i}"))
    group = plane.memory.groups[plane.memory.running[0]]
    assert (int(group["usable"]), int(group["leaves"])) == (300, 512)
    for pod in plane.pods[:299]:
        plane.drain("live", pod)
    assert int(plane.memory.groups[plane.memory.running[0]]["usable"]) == 1


def test_what_a_killed_pod_held_is_broken_and_told_at_once(world: type[World]) -> None:
    shop = world(pods=1, time={"constant": "10s"}, disturbances=[{"at": "2s", "kill": 1}])
    tally = shop.compiled([0.0, 1.0], tracing=True)
    assert [float(end) for end in tally.records["end_s"]] == pytest.approx([2.0, 2.0])


def test_a_ring_is_built_anew_as_a_slow_starter_warms_up(world: type[World]) -> None:
    shop = world(balance="random", slowstart_s=4.0)
    plane = plane_of(shop)
    for i in range(2):
        plane.add("live", plane.new_pod("live", f"live-{i}"), new=i == 1)
    assert plane.advance(0.5) == t.FINISHED  # there is no request
    sizes = [plane.memory.points.size]
    while plane.advance(1e9) == t.NEEDS_POINTS:
        plane.with_points()
        sizes.append(plane.memory.points.size)
    # 1600 points for the old one, and 100 x (16 k + 4) / 4 for the new one after k seconds
    assert sizes == [1600 + 100 * ((16 * k + 4) // 4) for k in range(4)] + [3200]


def test_requests_and_queues_are_counted_by_deployment(world: type[World]) -> None:
    shop = world(pods=1, maxconn=1, time={"constant": "100s"})
    schedule = shop.schedule(np.zeros(5), until_s=10.0)
    one = shop.replication(schedule)
    seen: list[tuple[int, int]] = []
    one.clock.at(5.0, lambda: seen.append((one.plane.arrived("live"), one.plane.queued("live"))))
    one.run([schedule])
    assert seen == [(5, 4)]

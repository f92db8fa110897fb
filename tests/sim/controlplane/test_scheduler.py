from __future__ import annotations

import pytest

from scenarios.schema import Nodes
from sim.controlplane.gate import Gate
from sim.controlplane.node import Node, Zone
from sim.controlplane.replica import Replica
from sim.controlplane.scheduler import Scheduler, machines
from tests.sim.controlplane.conftest import Bench, a_deployment


class Placement:
    """Pods submitted one after the other, and where they came to run."""

    def __init__(self, nodes: Nodes | None) -> None:
        self.api = Gate()
        self.zones, first = machines(nodes)
        self.scheduler = Scheduler(self.api, first)
        self.bound: list[tuple[str, int]] = []
        self._made = 0

    def submit(self, request_milli: int, name: str = "live") -> Replica:
        self._made += 1
        replica = Replica(a_deployment(name, cpu_request_milli=request_milli), self._made, 0.0)
        self.scheduler.submit(replica, self._bound)
        return replica

    def _bound(self, replica: Replica) -> None:
        assert replica.node is not None
        self.bound.append((replica.name, replica.node.number))

    def nodes(self) -> list[int]:
        return [number for _, number in self.bound]


def test_nodes_stand_in_the_zones_in_turn() -> None:
    zones, nodes = machines(Nodes(count=5, cpu=2, zones=2))
    assert [node.zone.number for node in nodes] == [0, 1, 0, 1, 0]
    assert [zone.number for zone in zones] == [0, 1]
    assert {node.cpu_milli for node in nodes} == {2000}


def test_without_nodes_there_is_room_for_every_pod() -> None:
    placement = Placement(None)
    for _ in range(50):
        placement.submit(10_000)
    assert placement.nodes() == [0] * 50


def test_a_pod_goes_to_the_node_with_the_least_allocated_cpu() -> None:
    placement = Placement(Nodes(count=3, cpu=4))
    for request in (900, 500, 400, 300, 300):
        placement.submit(request)
    # 900 | 500 | 400, then 400 + 300 and 500 + 300
    assert placement.nodes() == [0, 1, 2, 2, 1]


def test_pods_of_a_deployment_spread_over_the_zones_before_they_fill_the_emptiest_node() -> None:
    placement = Placement(Nodes(count=4, cpu=4, zones=2))
    placement.submit(1000, "other")  # node 0, zone 0
    placement.submit(100)
    placement.submit(100)
    placement.submit(100)
    # zone 0's emptier node; then zone 1 although node 2 is as empty as its nodes; then zone 0 again
    assert placement.nodes() == [0, 1, 2, 3]
    placement.submit(100)
    assert placement.nodes()[-1] == 2


def test_a_zone_without_room_does_not_hold_a_pod_back() -> None:
    placement = Placement(Nodes(count=2, cpu=1, zones=2))
    placement.submit(1000, "other")
    for _ in range(3):
        placement.submit(300)
    assert placement.nodes() == [0, 1, 1, 1]


def test_a_pod_without_room_waits_and_a_smaller_one_does_not_wait_behind_it() -> None:
    placement = Placement(Nodes(count=1, cpu=1))
    placement.submit(600)
    large = placement.submit(500)
    placement.submit(400)
    assert placement.bound == [("live-2", 0), ("live-4", 0)]
    assert placement.scheduler.pending == [large]


def test_waiting_pods_get_freed_cpu_in_their_order_of_creation() -> None:
    placement = Placement(Nodes(count=1, cpu=1))
    first = placement.submit(1000)
    for _ in range(3):
        placement.submit(500)
    placement.scheduler.release(first)
    assert [name for name, _ in placement.bound] == ["live-2", "live-3", "live-4"]
    assert [replica.name for replica in placement.scheduler.pending] == ["live-5"]


def test_a_new_node_takes_waiting_pods() -> None:
    placement = Placement(Nodes(count=1, cpu=1))
    placement.submit(800)
    placement.submit(800)
    placement.scheduler.join(Node(1, placement.zones[0], 1000))
    assert placement.nodes() == [0, 1]


def test_a_pod_deleted_while_it_waits_is_never_scheduled() -> None:
    placement = Placement(Nodes(count=1, cpu=1))
    placement.submit(800)
    placement.scheduler.withdraw(placement.submit(800))
    placement.scheduler.join(Node(1, placement.zones[0], 1000))
    assert placement.nodes() == [0]


def test_nothing_is_scheduled_while_the_api_server_is_down() -> None:
    placement = Placement(Nodes(count=1, cpu=1))
    first = placement.submit(800)
    placement.submit(800)
    placement.api.shut()
    placement.scheduler.release(first)
    assert placement.nodes() == [0]
    placement.api.reopen()
    assert placement.nodes() == [0, 0]


@pytest.mark.parametrize("not_ready_since_s", [None, 40.0])
def test_nothing_is_scheduled_into_a_zone_that_is_cut_off_or_not_ready(not_ready_since_s: float | None) -> None:
    placement = Placement(Nodes(count=2, cpu=4, zones=2))
    zone: Zone = placement.zones[0]
    zone.not_ready_since_s = not_ready_since_s
    if not_ready_since_s is None:
        zone.link.shut()
    placement.submit(100)
    placement.submit(100)
    assert placement.nodes() == [1, 1]


def test_the_cpu_of_a_pod_is_free_when_its_process_has_ended_not_when_it_is_deleted() -> None:
    bench = Bench(nodes=Nodes(count=1, cpu=0.2), termination_grace_s=5.0).begin(2)
    bench.plane.pods["live-2"].in_flight = 1
    bench.pods.scale(1)
    bench.pods.scale(2)
    bench.run(4.9)
    assert [replica.name for replica in bench.scheduler.pending] == ["live-3"]
    bench.run(5.2)
    assert bench.scheduler.pending == []
    assert bench.replica("live-3").started_s == 5.1

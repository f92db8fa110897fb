from __future__ import annotations

import pytest

from balancer.policy.objects import Probe
from sim.controlplane.node import Node, Zone
from sim.controlplane.replica import Replica, deletion_order, ready_at_s
from tests.sim.controlplane.conftest import a_deployment


@pytest.mark.parametrize(
    ("probe", "up_s", "ready_s"),
    [
        (Probe(period_s=1), 12.5, 13.0),
        (Probe(period_s=1), 12.0, 12.0),
        (Probe(period_s=10), 10.1, 20.0),
        (Probe(period_s=5, initial_delay_s=4), 11.0, 14.0),
        (Probe(period_s=5, initial_delay_s=4), 14.5, 19.0),
        (Probe(period_s=1, success_threshold=3), 12.5, 15.0),
    ],
)
def test_a_pod_is_ready_at_the_first_probe_after_it_is_up(probe: Probe, up_s: float, ready_s: float) -> None:
    assert ready_at_s(probe, 10.0, up_s) == pytest.approx(ready_s)


def replica(ordinal: int, created_s: float, ready_since_s: float | None, node: Node | None = None) -> Replica:
    started_s = None if node is None else created_s
    return Replica(a_deployment(), ordinal, created_s, node=node, started_s=started_s, ready_since_s=ready_since_s)


def test_scale_down_takes_unready_pods_first_then_the_most_recently_ready_by_powers_of_two() -> None:
    node = Node(0, Zone(0))
    replicas = [
        replica(1, 0.0, 1.0, node),  # ready for 99 s
        replica(2, 80.0, 90.0, node),  # 10 s
        replica(3, 85.0, 88.0, node),  # 12 s, the same power of two, created later
        replica(4, 90.0, 97.0, node),  # 3 s
        replica(5, 99.0, None, node),
        replica(6, 95.0, None, node),
    ]
    assert [r.ordinal for r in deletion_order(replicas, now_s=100.0)] == [5, 6, 4, 3, 2, 1]


def test_scale_down_takes_pods_without_a_node_then_those_not_started_before_those_that_are() -> None:
    node = Node(0, Zone(0))
    bound = replica(2, 50.0, None, node)
    bound.started_s = None
    replicas = [replica(1, 90.0, None, node), bound, replica(3, 10.0, None)]
    assert [r.ordinal for r in deletion_order(replicas, now_s=100.0)] == [3, 2, 1]


def test_of_ready_pods_those_on_the_node_with_the_most_of_their_deployment_go_first() -> None:
    crowded, quiet = Node(0, Zone(0)), Node(1, Zone(0))
    crowded.active["live"], quiet.active["live"] = 2, 1
    quiet.active["other"] = 9
    young, old = replica(3, 90.0, 95.0, quiet), replica(1, 0.0, 5.0, crowded)
    assert [r.ordinal for r in deletion_order([young, old], now_s=100.0)] == [1, 3]


def test_a_crowded_node_does_not_save_a_pod_that_is_not_ready() -> None:
    crowded, quiet = Node(0, Zone(0)), Node(1, Zone(0))
    crowded.active["live"], quiet.active["live"] = 2, 1
    unready, ready = replica(2, 90.0, None, quiet), replica(1, 0.0, 5.0, crowded)
    assert [r.ordinal for r in deletion_order([ready, unready], now_s=100.0)] == [2, 1]

from __future__ import annotations

import pytest

from scenarios.schema import Nodes
from sim.controlplane.node_autoscaler import NodeAutoscaler, nodes_needed
from sim.streams import Streams
from tests.sim.controlplane.conftest import Bench


@pytest.mark.parametrize(
    ("requests_milli", "nodes"),
    [((), 0), ((500,), 1), ((500, 500), 1), ((600, 600, 400), 2), ((1001,), 0), ((0, 0), 1)],
)
def test_waiting_pods_need_as_many_nodes_as_first_fit_fills(requests_milli: tuple[int, ...], nodes: int) -> None:
    assert nodes_needed(requests_milli, 1000) == nodes


def grown(nodes: Nodes, pods: int, *, seed: int = 1) -> Bench:
    """A Deployment of one pod of 0.1 cores that is to have `pods` from 12 s on."""
    bench = Bench(nodes=nodes).begin(1)
    autoscaler = NodeAutoscaler(bench.clock, bench.api, bench.scheduler, bench.zones, nodes, Streams(seed, 0))
    bench.clock.process(autoscaler.loop())
    bench.clock.at(12.0, lambda: bench.pods.scale(pods))
    return bench


def test_the_scan_after_a_pod_found_no_room_adds_as_many_nodes_as_are_needed() -> None:
    bench = grown(Nodes(count=1, cpu=0.2, max=9, provision="0s"), pods=7)
    bench.run(19.9)
    assert len(bench.scheduler.nodes) == 1
    bench.run(20.1)
    assert len(bench.scheduler.nodes) == 4
    assert bench.scheduler.pending == []


def test_no_more_nodes_than_allowed_and_the_rest_waits() -> None:
    bench = grown(Nodes(count=1, cpu=0.2, max=2, provision="0s"), pods=7)
    bench.run(100.0)
    assert len(bench.scheduler.nodes) == 2
    assert [replica.name for replica in bench.scheduler.pending] == ["live-5", "live-6", "live-7"]


def test_nodes_on_their_way_are_counted_and_come_a_provisioning_time_after_the_scan() -> None:
    bench = grown(Nodes(count=1, cpu=0.2, max=9, provision="60s"), pods=4)
    bench.run(50.0)
    assert len(bench.scheduler.nodes) == 1
    bench.run(300.0)
    assert len(bench.scheduler.nodes) == 2
    started_s = [bench.replica(name).started_s for name in ("live-3", "live-4")]
    assert started_s[0] == started_s[1]
    assert started_s[0] is not None
    assert 20.1 + 30 < started_s[0] < 20.1 + 120


def test_provisioning_times_vary_between_seeds_and_not_for_one() -> None:
    def arrival_s(seed: int) -> float:
        bench = grown(Nodes(count=1, cpu=0.1, max=2, provision="60s"), pods=2, seed=seed)
        while len(bench.scheduler.nodes) < 2:
            bench.clock.step()
        return bench.clock.now

    assert arrival_s(1) == arrival_s(1) != arrival_s(2)


def test_new_nodes_stand_in_the_next_zones_but_not_in_one_that_is_cut_off() -> None:
    bench = grown(Nodes(count=2, cpu=0.1, max=5, zones=2, provision="0s"), pods=5)
    bench.clock.at(19.0, bench.zone.begin)
    bench.run(20.1)
    assert [node.zone.number for node in bench.scheduler.nodes] == [0, 1, 1, 1, 1]
    healthy = grown(Nodes(count=2, cpu=0.1, max=5, zones=2, provision="0s"), pods=5)
    healthy.run(20.1)
    assert [node.zone.number for node in healthy.scheduler.nodes] == [0, 1, 0, 1, 0]


def test_a_pod_larger_than_any_node_brings_none() -> None:
    bench = Bench(nodes=Nodes(count=1, cpu=0.05, max=5, provision="0s"))
    nodes = Nodes(count=1, cpu=0.05, max=5, provision="0s")
    bench.clock.process(
        NodeAutoscaler(bench.clock, bench.api, bench.scheduler, bench.zones, nodes, Streams(1, 0)).loop()
    )
    bench.begin(1).run(60.0)
    assert len(bench.scheduler.nodes) == 1


def test_a_node_that_comes_while_the_api_server_is_down_joins_when_it_is_back() -> None:
    bench = grown(Nodes(count=1, cpu=0.2, max=9, provision="60s"), pods=3)
    bench.clock.at(25.0, bench.api.shut)
    bench.clock.at(300.0, bench.api.reopen)
    bench.run(299.0)
    assert len(bench.scheduler.nodes) == 1
    bench.run(301.0)
    assert len(bench.scheduler.nodes) == 2


def test_a_node_that_comes_while_its_zone_is_cut_off_joins_when_it_is_back() -> None:
    bench = grown(Nodes(count=2, cpu=0.1, max=3, zones=2, provision="60s"), pods=3)
    bench.clock.at(25.0, bench.zone.begin)
    bench.clock.at(300.0, bench.zone.end)
    bench.run(299.0)
    assert len(bench.scheduler.nodes) == 2
    bench.run(301.0)
    assert [node.zone.number for node in bench.scheduler.nodes] == [0, 1, 0]


def test_nothing_is_scanned_while_the_api_server_is_down() -> None:
    bench = grown(Nodes(count=1, cpu=0.2, max=9, provision="0s"), pods=3)
    bench.clock.at(15.0, bench.api.shut)
    bench.clock.at(35.0, bench.api.reopen)
    bench.run(39.9)
    assert len(bench.scheduler.nodes) == 1
    bench.run(40.1)
    assert len(bench.scheduler.nodes) == 2

from __future__ import annotations

from scenarios.schema import Nodes
from tests.sim.controlplane.conftest import Bench

TWO_ZONES = Nodes(count=2, cpu=1, zones=2)


def cut_off(duration_s: float, *, nodes: Nodes = TWO_ZONES, from_s: float = 10.0) -> Bench:
    """Two pods, live-1 in zone 0 and live-2 in zone 1; zone 0 is cut off."""
    bench = Bench(nodes=nodes).begin(2)
    bench.clock.at(from_s, bench.zone.begin)
    bench.clock.at(from_s + duration_s, bench.zone.end)
    return bench


def reachable(bench: Bench) -> dict[str, bool]:
    return {name: pod.reachable for name, pod in bench.plane.pods.items()}


def test_pods_of_the_zone_cannot_be_reached_until_it_is_back() -> None:
    bench = cut_off(20.0)
    bench.run(10.1)
    assert reachable(bench) == {"live-1": False, "live-2": True}
    bench.run(30.1)
    assert reachable(bench) == {"live-1": True, "live-2": True}


def test_a_short_outage_is_nothing_to_kubernetes() -> None:
    bench = cut_off(39.9)
    bench.run(400.0)
    assert bench.plane.since(0.0) == []
    assert bench.replica("live-1").ready_since_s == 0.0
    assert bench.counts[-1] == (2, 2, 2)


def test_after_40_s_its_pods_are_not_ready_and_leave_rotation_a_lag_later() -> None:
    bench = cut_off(100.0)
    bench.run(49.9)
    assert bench.replica("live-1").ready
    bench.run(60.0)
    assert bench.plane.since(0.0) == [(50.02, "drain", "live-1")]
    assert bench.counts[-1] == (2, 1, 1)


def test_they_come_back_when_the_zone_heals() -> None:
    bench = cut_off(100.0)
    bench.run(120.0)
    assert bench.plane.since(0.0) == [(50.02, "drain", "live-1"), (110.02, "add", "live-1")]
    assert bench.replica("live-1").ready_since_s == 110.0
    assert bench.counts[-1] == (2, 2, 2)


def test_after_300_s_more_its_pods_are_replaced_and_end_when_the_zone_heals() -> None:
    bench = cut_off(400.0)
    bench.run(349.9)
    assert bench.names() == ["live-1", "live-2"]
    bench.run(409.9)
    assert bench.plane.since(60.0) == [(353.12, "add", "live-3")]
    assert bench.replica("live-3").node is bench.scheduler.nodes[1]
    assert bench.plane.pods["live-1"].alive
    bench.run(420.0)
    assert bench.names() == ["live-2", "live-3"]
    assert not bench.plane.pods["live-1"].alive
    assert bench.plane.since(354.0) == []


def test_no_new_pod_is_scheduled_there_and_one_without_room_elsewhere_waits_for_the_zone() -> None:
    bench = cut_off(30.0, nodes=Nodes(count=2, cpu=0.2, zones=2))
    bench.clock.at(15.0, lambda: bench.pods.scale(4))
    bench.run(39.0)
    assert [replica.name for replica in bench.scheduler.pending] == ["live-4"]
    bench.run(50.0)
    assert bench.replica("live-4").node is bench.scheduler.nodes[0]
    assert bench.plane.since(39.0) == [(43.12, "add", "live-4")]


def test_a_pod_found_ready_in_the_zone_is_known_to_be_once_it_heals() -> None:
    bench = Bench(nodes=TWO_ZONES).begin(1)
    bench.pods.scale(3)  # live-2 in zone 1, live-3 in zone 0, both ready at 3.1
    bench.clock.at(1.0, bench.zone.begin)
    bench.clock.at(9.0, bench.zone.end)
    bench.run(20.0)
    assert bench.plane.since(0.0) == [(3.12, "add", "live-2"), (9.02, "add", "live-3")]


def test_a_pod_killed_in_the_zone_is_missed_when_it_heals() -> None:
    bench = cut_off(20.0)
    bench.run(12.0)
    bench.pods.kill(bench.replica("live-1"))
    bench.run(29.0)
    assert bench.plane.since(0.0) == []
    bench.run(40.0)
    assert bench.plane.since(0.0) == [(30.02, "drain", "live-1"), (33.12, "add", "live-3")]


def test_overlapping_outages_are_one_from_the_first_to_the_last() -> None:
    bench = cut_off(30.0)
    bench.clock.at(35.0, bench.zone.begin)
    bench.clock.at(60.0, bench.zone.end)
    bench.run(100.0)
    assert bench.plane.since(0.0) == [(50.02, "drain", "live-1"), (60.02, "add", "live-1")]


def test_the_40_s_begin_anew_with_each_outage() -> None:
    bench = cut_off(30.0)
    bench.clock.at(45.0, bench.zone.begin)
    bench.clock.at(80.0, bench.zone.end)
    bench.run(200.0)
    assert bench.plane.since(0.0) == []


def test_the_300_s_begin_anew_with_each_outage() -> None:
    bench = cut_off(90.0)  # NotReady at 50
    bench.clock.at(200.0, bench.zone.begin)  # NotReady at 240
    bench.run(530.0)
    assert bench.names() == ["live-1", "live-2"]
    bench.run(545.0)
    assert bench.names() == ["live-1", "live-2", "live-3"]


def test_a_pod_that_is_being_deleted_is_not_evicted_as_well() -> None:
    bench = cut_off(400.0)
    bench.clock.at(100.0, lambda: bench.pods.scale(1))
    bench.run(500.0)
    assert bench.names() == ["live-2"]
    assert [node.active["live"] for node in bench.scheduler.nodes] == [0, 1]


def test_while_the_api_server_is_down_nobody_hears_that_the_zone_is_back() -> None:
    bench = cut_off(60.0)
    bench.clock.at(65.0, bench.api.shut)
    bench.clock.at(90.0, bench.api.reopen)
    bench.run(200.0)
    assert bench.plane.since(0.0) == [(50.02, "drain", "live-1"), (90.02, "add", "live-1")]


def test_a_zone_that_is_gone_again_when_the_api_server_is_back_was_never_there_to_it() -> None:
    bench = cut_off(60.0)
    bench.clock.at(65.0, bench.api.shut)
    bench.clock.at(80.0, bench.zone.begin)
    bench.clock.at(90.0, bench.api.reopen)
    bench.clock.at(120.0, bench.zone.end)
    bench.run(200.0)
    assert bench.plane.since(0.0) == [(50.02, "drain", "live-1"), (120.02, "add", "live-1")]


def test_nodes_are_not_found_lost_while_the_api_server_is_down_and_not_at_all_if_they_are_back_by_then() -> None:
    bench = cut_off(60.0)
    bench.clock.at(40.0, bench.api.shut)
    bench.clock.at(75.0, bench.api.reopen)
    bench.run(200.0)
    assert bench.plane.since(0.0) == []

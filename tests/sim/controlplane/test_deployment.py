from __future__ import annotations

import pytest

from scenarios.schema import Nodes
from sim.controlplane.kubelet import Lags
from sim.controlplane.node import Node
from tests.sim.controlplane.conftest import Bench, always

HALF_A_SECOND = Lags(0.0, decision=always(0.0), startup=always(0.5), rotation=always(0.0))


def test_pods_of_time_zero_are_ready_and_in_rotation() -> None:
    bench = Bench().begin(2)
    assert bench.plane.told == [(0.0, "add", "live-1"), (0.0, "add", "live-2")]
    assert bench.counts == [(2, 2, 2)]


def test_a_new_pod_starts_is_probed_and_joins_each_a_lag_later() -> None:
    bench = Bench(lags=Lags(1.0, always(0.1), always(2.5), always(0.02))).begin(1)
    bench.run(10.0)
    bench.pods.scale(2)
    bench.run(20.0)
    # decided at 10, started at 11.1, up at 13.6, probed at 14.1, in rotation 0.02 s later
    assert bench.plane.since(0.0) == [(14.12, "add", "live-2")]
    assert bench.counts == [(1, 1, 1), (2, 1, 1), (2, 2, 1), (2, 2, 2)]


def test_a_retired_pod_is_drained_at_once_and_gone_when_idle() -> None:
    bench = Bench().begin(2)
    bench.plane.pods["live-2"].in_flight = 1
    bench.clock.at(3.0, bench.plane.pods["live-2"].finish)
    bench.pods.scale(1)
    assert bench.plane.told[-1] == (0.0, "drain", "live-2")
    assert bench.counts[-1] == (1, 1, 1)
    bench.run(2.9)
    assert bench.names() == ["live-1", "live-2"]
    assert [replica.name for replica in bench.pods.active] == ["live-1"]
    bench.run(3.1)
    assert bench.names() == ["live-1"]


@pytest.mark.parametrize("retired_at_s", [0.05, 1.0, 3.11])
def test_a_pod_retired_before_it_was_in_rotation_never_gets_there(retired_at_s: float) -> None:
    bench = Bench().begin(1)
    bench.pods.scale(2)
    bench.run(retired_at_s)
    bench.pods.scale(1)
    bench.run(20.0)
    assert bench.plane.told == [(0.0, "add", "live-1")]
    assert bench.names() == ["live-1"]


def test_a_killed_pod_is_replaced_and_the_proxy_hears_of_it_a_lag_later() -> None:
    bench = Bench().begin(2)
    bench.run(10.0)
    bench.pods.kill(bench.replica("live-1"))
    assert bench.counts[-1] == (2, 1, 1)
    bench.run(20.0)
    assert bench.plane.since(0.0) == [(10.02, "drain", "live-1"), (13.12, "add", "live-3")]
    assert bench.counts[-1] == (2, 2, 2)


def test_a_pod_killed_while_the_api_server_is_down_stays_in_rotation_and_is_replaced_when_it_is_back() -> None:
    bench = Bench().begin(2)
    bench.run(10.0)
    bench.api.shut()
    bench.pods.kill(bench.replica("live-1"))
    assert bench.counts[-1] == (2, 1, 1)
    bench.run(30.0)
    assert (bench.names(), bench.plane.since(0.0)) == (["live-1", "live-2"], [])
    bench.api.reopen()
    bench.run(40.0)
    assert bench.plane.since(0.0) == [(30.02, "drain", "live-1"), (33.12, "add", "live-3")]


def test_a_pod_killed_while_it_ends_gracefully_is_gone_and_nobody_replaces_it() -> None:
    bench = Bench().begin(2)
    bench.plane.pods["live-2"].in_flight = 1
    bench.pods.scale(1)
    bench.pods.kill(bench.replica("live-2"))
    bench.run(40.0)
    assert bench.names() == ["live-1"]
    node = bench.scheduler.nodes[0]
    assert (node.allocated_milli, node.active["live"]) == (100, 1)


def test_zero_pods_is_a_deployment_too() -> None:
    bench = Bench().begin(0)
    bench.clock.run()
    assert (bench.plane.told, bench.counts) == ([], [(0, 0, 0)])


def test_a_node_keeps_books_on_its_pods_through_scaling_and_deaths() -> None:
    bench = Bench("one", "two").begin(3)
    one, two = bench.sets
    one.scale(5)
    bench.run(10.0)
    one.kill(bench.replica("one-2"))
    two.scale(1)
    bench.run(20.0)
    node = bench.scheduler.nodes[0]
    assert (node.active, node.allocated_milli) == ({"one": 5, "two": 1}, 600)


def template_counts(bench: Bench) -> tuple[int, int]:
    generations = [replica.generation for replica in bench.pods.active]
    return generations.count(0), generations.count(1)


def test_a_rolling_update_goes_as_far_as_surge_and_availability_allow_at_each_readiness() -> None:
    bench = Bench(lags=HALF_A_SECOND, max_surge=1, max_unavailable=1).begin(4)
    bench.clock.at(10.0, bench.pods.roll_out)
    counts = []
    for until_s in (10.5, 11.5, 12.5, 13.5):
        bench.run(until_s)
        counts.append(template_counts(bench))
    # 5 pods at most, 3 ready at least; those created at once are ready together, a second later
    assert counts == [(3, 2), (1, 4), (0, 4), (0, 4)]
    assert bench.names() == ["live-5", "live-6", "live-7", "live-8"]
    assert bench.counts[-1] == (4, 4, 4)


def test_an_update_with_nothing_unavailable_takes_an_old_pod_only_once_a_new_one_is_ready() -> None:
    bench = Bench(lags=HALF_A_SECOND, max_surge=1, max_unavailable=0).begin(2)
    bench.clock.at(10.0, bench.pods.roll_out)
    bench.run(15.0)
    assert bench.plane.since(0.0) == [
        (11.0, "drain", "live-2"),
        (11.0, "add", "live-3"),
        (12.0, "drain", "live-1"),
        (12.0, "add", "live-4"),
    ]


def test_an_autoscaler_may_change_the_count_in_the_middle_of_an_update() -> None:
    bench = Bench(lags=HALF_A_SECOND, max_surge="25%", max_unavailable="25%").begin(4)
    bench.clock.at(10.0, bench.pods.roll_out)
    bench.clock.at(10.5, lambda: bench.pods.scale(8))
    bench.clock.at(12.6, lambda: bench.pods.scale(3))
    bench.run(10.6)
    assert template_counts(bench) == (3, 7)
    bench.run(20.0)
    assert template_counts(bench) == (0, 3)
    assert bench.counts[-1] == (3, 3, 3)


def test_an_update_during_an_update_replaces_the_pods_of_both_older_templates() -> None:
    bench = Bench(lags=HALF_A_SECOND, max_surge=1, max_unavailable=0).begin(3)
    bench.clock.at(10.0, bench.pods.roll_out)
    bench.clock.at(11.5, bench.pods.roll_out)
    bench.run(30.0)
    assert [replica.generation for replica in bench.pods.active] == [2, 2, 2]


def test_an_update_during_an_update_takes_pods_that_are_not_ready_before_the_oldest() -> None:
    bench = Bench(lags=HALF_A_SECOND, max_surge=0, max_unavailable=2).begin(4)
    bench.clock.at(10.0, bench.pods.roll_out)
    bench.clock.at(10.2, bench.pods.roll_out)
    bench.run(10.3)
    # live-5 and live-6, of the second template, were not ready yet when the third came
    assert [replica.generation for replica in bench.pods.active] == [0, 0, 2, 2]


def test_an_update_asked_for_while_the_api_server_is_down_begins_when_it_is_back() -> None:
    bench = Bench(lags=HALF_A_SECOND, max_surge=1, max_unavailable=0).begin(1)
    bench.run(10.0)
    bench.api.shut()
    bench.pods.roll_out()
    bench.run(20.0)
    assert bench.names() == ["live-1"]
    bench.api.reopen()
    bench.run(22.0)
    assert bench.names() == ["live-2"]


def test_a_pod_retired_while_it_waits_for_room_is_forgotten() -> None:
    bench = Bench(nodes=Nodes(count=1, cpu=0.2)).begin(2)
    bench.pods.scale(4)
    assert [replica.name for replica in bench.scheduler.pending] == ["live-3", "live-4"]
    bench.pods.scale(2)
    assert (bench.scheduler.pending, bench.names()) == ([], ["live-1", "live-2"])


def test_a_pod_of_time_zero_without_room_starts_like_any_other_once_there_is() -> None:
    bench = Bench(nodes=Nodes(count=1, cpu=0.1)).begin(2)
    assert bench.plane.told == [(0.0, "add", "live-1")]
    bench.clock.at(5.0, lambda: bench.scheduler.join(Node(1, bench.zones[0], 1000)))
    bench.run(20.0)
    assert bench.plane.since(0.0) == [(8.12, "add", "live-2")]


def test_an_evicted_pod_is_replaced() -> None:
    bench = Bench().begin(2)
    bench.run(10.0)
    bench.pods.evict(bench.replica("live-1"))
    bench.run(20.0)
    assert bench.plane.since(0.0) == [(10.0, "drain", "live-1"), (13.12, "add", "live-3")]

from __future__ import annotations

import pytest

from balancer.policy.objects import Probe
from scenarios.schema import Cold
from sim.controlplane.kubelet import Lags
from tests.sim.controlplane.conftest import Bench, always


def test_a_pod_starts_a_delay_and_a_lag_after_it_was_bound_and_is_ready_at_a_probe() -> None:
    bench = Bench(lags=Lags(1.0, always(0.1), always(2.5), always(0.02)), readiness=Probe(period_s=2)).begin(0)
    bench.run(10.0)
    bench.pods.scale(1)
    bench.run(20.0)
    new = bench.replica("live-1")
    assert (new.created_s, new.started_s, new.ready_since_s) == pytest.approx((10.0, 11.1, 15.1))


def test_a_pod_without_a_probe_is_looked_at_like_one_with_the_default() -> None:
    bench = Bench(readiness=None).begin(0)
    bench.pods.scale(1)
    bench.run(20.0)
    assert bench.replica("live-1").ready_since_s == pytest.approx(10.1)


def test_start_up_and_probes_go_on_while_the_api_server_is_down_but_nobody_hears_of_them() -> None:
    bench = Bench().begin(0)
    bench.pods.scale(1)
    bench.run(0.05)
    bench.api.shut()
    bench.run(10.0)
    new = bench.replica("live-1")
    assert (new.started_s, new.answers, new.ready_since_s) == (0.1, True, None)
    bench.api.reopen()
    bench.run(20.0)
    assert new.ready_since_s == pytest.approx(3.1)
    assert bench.plane.told == [(10.02, "add", "live-1")]


def test_a_pod_is_cold_from_the_moment_it_is_ready_and_those_of_time_zero_are_warm() -> None:
    bench = Bench(cold=Cold(factor=4, duration="30s")).begin(1)
    bench.pods.scale(2)
    bench.run(20.0)
    assert bench.plane.pods["live-1"].cold is None
    assert bench.plane.pods["live-2"].cold == pytest.approx((4, 33.1))


def test_an_idle_pod_ends_at_once_and_a_busy_one_when_it_is_idle() -> None:
    bench = Bench().begin(2)
    bench.plane.pods["live-1"].in_flight = 1
    bench.clock.at(3.0, bench.plane.pods["live-1"].finish)
    bench.pods.scale(0)
    bench.run(2.9)
    assert (bench.names(), bench.plane.pods["live-2"].alive) == (["live-1"], False)
    bench.run(3.1)
    assert (bench.names(), bench.plane.pods["live-1"].alive) == ([], False)


def test_a_pod_that_is_not_idle_when_grace_is_over_is_killed() -> None:
    bench = Bench(termination_grace_s=1.0).begin(1)
    bench.plane.pods["live-1"].in_flight = 1
    bench.pods.scale(0)
    bench.run(0.9)
    assert bench.plane.pods["live-1"].alive
    bench.run(1.1)
    assert not bench.plane.pods["live-1"].alive


def test_a_pod_deleted_while_its_node_is_out_of_reach_ends_when_the_node_is_back() -> None:
    bench = Bench().begin(1)
    bench.zones[0].link.shut()
    bench.pods.scale(0)
    bench.run(10.0)
    assert bench.plane.pods["live-1"].alive
    bench.zones[0].link.reopen()
    bench.run(10.1)
    assert not bench.plane.pods["live-1"].alive


def test_a_pod_that_starts_in_a_zone_that_is_cut_off_cannot_be_reached() -> None:
    bench = Bench().begin(0)
    bench.pods.scale(1)
    bench.zones[0].link.shut()
    bench.run(1.0)
    assert not bench.plane.pods["live-1"].reachable

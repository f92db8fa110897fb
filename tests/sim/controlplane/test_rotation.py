from __future__ import annotations

from tests.sim.controlplane.conftest import Bench


def test_the_proxies_learn_of_a_change_a_lag_later() -> None:
    bench = Bench().begin(1)
    bench.run(5.0)
    bench.pods.set_ready(bench.replica("live-1"), ready=False)
    bench.run(6.0)
    assert bench.plane.since(0.0) == [(5.02, "drain", "live-1")]


def test_a_change_taken_back_within_the_lag_is_never_seen() -> None:
    bench = Bench().begin(1)
    bench.run(5.0)
    bench.pods.set_ready(bench.replica("live-1"), ready=False)
    bench.run(5.01)
    bench.pods.set_ready(bench.replica("live-1"), ready=True)
    bench.run(6.0)
    assert bench.plane.since(0.0) == []


def test_a_pod_that_is_ready_again_is_new_to_the_proxies() -> None:
    bench = Bench().begin(1)
    bench.run(5.0)
    bench.pods.set_ready(bench.replica("live-1"), ready=False)
    bench.run(6.0)
    bench.pods.set_ready(bench.replica("live-1"), ready=True)
    bench.run(7.0)
    assert bench.plane.since(0.0) == [(5.02, "drain", "live-1"), (6.02, "add", "live-1")]


def test_controllers_act_on_nothing_while_the_api_server_is_down() -> None:
    bench = Bench().begin(2)
    bench.run(5.0)
    bench.pods.set_ready(bench.replica("live-1"), ready=False)
    bench.api.shut()
    bench.run(9.0)
    assert bench.plane.since(0.0) == []
    bench.api.reopen()
    assert bench.plane.since(0.0) == [(9.0, "drain", "live-1")]

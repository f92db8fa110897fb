from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from balancer.policy.hpa import Metric
from scenarios.schema import Disturbance, Nodes
from sim.controlplane.disturbances import Troublemaker
from sim.controlplane.metrics import Metrics
from tests.sim.controlplane.conftest import AT_ONCE, Bench

DISTURBANCES: TypeAdapter[tuple[Disturbance, ...]] = TypeAdapter(tuple[Disturbance, ...])


class Troubled(Bench):
    """Deployments one and two of two pods each, started at once, and what is to happen to them."""

    def __init__(self, *disturbances: dict[str, Any], nodes: Nodes | None = None) -> None:
        super().__init__("one", "two", lags=AT_ONCE, nodes=nodes)
        self.metrics = Metrics(self.plane, [Metric("External", "matchday_in_flight")])
        self.begin(2)
        maker = Troublemaker(
            self.clock, self.plane, self.sets, api=self.api, metrics=self.metrics, zone=self.zone
        )  # fmt: skip
        maker.plan(DISTURBANCES.validate_python(disturbances))


def factors(bench: Bench) -> list[float]:
    return [pod.factor for pod in bench.plane.pods.values()]


def test_the_oldest_pods_die_at_their_time_and_are_replaced() -> None:
    bench = Troubled({"at": "5s", "kill": 3})
    bench.run(4.9)
    assert bench.names() == ["one-1", "one-2", "two-1", "two-2"]
    bench.run(9.0)
    assert bench.names() == ["one-3", "one-4", "two-2", "two-3"]
    assert all(replica.ready for replica_set in bench.sets for replica in replica_set.replicas)


def test_more_kills_than_pods_kill_all() -> None:
    bench = Troubled({"at": "1s", "kill": 99})
    bench.run(1.5)
    assert bench.names() == ["one-3", "one-4", "two-3", "two-4"]


def test_a_dead_pod_that_nobody_knows_of_yet_is_not_killed_again() -> None:
    bench = Troubled({"at": "1s", "api_outage": "10s"}, {"at": "2s", "kill": 1}, {"at": "3s", "kill": 1})
    bench.run(5.0)
    assert [name for name, pod in bench.plane.pods.items() if not pod.alive] == ["one-1", "one-2"]


def test_slow_pods_recover_after_their_time() -> None:
    bench = Troubled({"at": "2s", "slow": {"pods": 1, "factor": 3, "duration": "4s"}})
    bench.run(1.9)
    assert factors(bench) == [1, 1, 1, 1]
    bench.run(5.9)
    assert factors(bench) == [3, 1, 1, 1]
    bench.run(6.1)
    assert factors(bench) == [1, 1, 1, 1]


def test_of_several_slownesses_at_once_the_worst_counts_until_the_last_is_over() -> None:
    mild = {"at": "2s", "slow": {"factor": 2, "duration": "8s"}}
    bench = Troubled(mild, {"at": "3s", "slow": {"factor": 5, "duration": "2s"}})
    seen = []
    for until_s in (2.5, 3.5, 5.5, 10.5):
        bench.run(until_s)
        seen.append(factors(bench)[0])
    assert seen == [2, 5, 2, 1]


def test_disturbances_come_in_order_of_time_whatever_their_order_in_the_file() -> None:
    bench = Troubled({"at": "5s", "kill": 1}, {"at": "1s", "kill": 1})
    bench.run(2.0)
    assert bench.names()[:2] == ["one-2", "one-3"]


def test_a_zone_is_cut_off_for_its_time() -> None:
    bench = Troubled({"at": "1s", "zone": {"duration": "5s"}}, nodes=Nodes(count=2, cpu=1, zones=2))
    bench.run(1.1)
    assert [name for name, pod in bench.plane.pods.items() if not pod.reachable] == ["one-1", "two-1"]
    bench.run(6.1)
    assert all(pod.reachable for pod in bench.plane.pods.values())


def test_a_reload_reaches_the_proxies() -> None:
    bench = Troubled({"at": "7s", "reload": True})
    bench.run(8.0)
    assert bench.plane.since(0.0) == [(7.0, "reload", "")]


@pytest.mark.parametrize(("at_s", "is_known"), [(1.9, True), (2.1, False), (6.9, False), (7.1, True)])
def test_metrics_are_out_for_their_time(at_s: float, is_known: bool) -> None:
    bench = Troubled({"at": "2s", "metrics_outage": "5s"})
    bench.metrics.scrape(bench.sets, 0.0)
    bench.run(at_s)
    assert bool(bench.metrics.sample(bench.pods).external) is is_known


@pytest.mark.parametrize(("at_s", "is_up"), [(1.9, True), (2.1, False), (6.9, False), (7.1, True)])
def test_the_api_server_is_down_for_its_time(at_s: float, is_up: bool) -> None:
    bench = Troubled({"at": "2s", "api_outage": "5s"})
    bench.run(at_s)
    assert bench.api.is_open is is_up


def test_a_rollout_replaces_the_pods_of_its_deployment_only() -> None:
    bench = Troubled({"at": "2s", "rollout": "two"})
    bench.run(20.0)
    assert [(r.name, r.generation) for s in bench.sets for r in s.replicas] == [
        ("one-1", 0),
        ("one-2", 0),
        ("two-3", 1),
        ("two-4", 1),
    ]

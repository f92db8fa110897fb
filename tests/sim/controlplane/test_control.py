from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from balancer.policy.config import Backend, BackendSettings, ProxyConfig
from balancer.policy.hpa import HpaSpec, Metric
from balancer.policy.objects import Deployment, Probe
from scenarios.figures import FATES
from scenarios.schema import Cluster as ClusterSection
from scenarios.schema import Cold, Disturbance, Scenario
from sim.clock import Clock
from sim.cluster import Cluster
from sim.controlplane import control
from sim.engine import Replication
from sim.reference import simulate
from sim.streams import Streams
from sim.workload import declared, lognormal
from tests.sim.controlplane.conftest import FakePlane
from tests.sim.random_worlds import World as RandomWorld
from tests.sim.random_worlds import world as random_world

CPU_50 = HpaSpec(1, 9, (Metric("Resource", "cpu", utilization_percent=50),))


class World:
    """A control plane as a scenario starts it, and what it noted."""

    def __init__(
        self,
        *names: str,
        cluster: dict[str, Any] | None = None,
        disturbances: Sequence[dict[str, Any]] = (),
        workload: dict[str, Any] | None = None,
        replicas: int = 2,
        proxies: int = 1,
        scaled: bool = True,
    ) -> None:
        names = names or ("live",)
        scenario = Scenario.model_validate(
            {
                "name": "by-hand",
                "manifests": ["none.yaml"],
                "traffic": {
                    "phases": [{"name": "all", "duration": "600s", "rps": 1}],
                    "requests": [{"host": "h", "path": "/"}],
                },
                "workload": {"paths": {"/": {"time": {"constant": "1s"}}}, "startup": {"mean": "2500ms"}}
                | (workload or {}),
                "cluster": {"hpa_sync": "5s", "metrics_resolution": "5s"} | (cluster or {}),
                "slo": {"p99": "1s", "success": "99%"},
                "disturbances": list(disturbances),
            }
        )
        deployments = tuple(
            Deployment(
                name=name, namespace="default", replicas=replicas, selector={}, pod_labels={}, ports={}, first_port=1,
                cpu_request_milli=100, cpu_limit_milli=None, readiness=Probe(period_s=1),
            )
            for name in names
        )  # fmt: skip
        cluster_ = Cluster(
            config=ProxyConfig("127.0.0.1", 80, backends=tuple(Backend(name, BackendSettings()) for name in names)),
            deployment_of={name: name for name in names},
            deployments=deployments,
            replicas=dict.fromkeys(names, replicas),
            autoscalers=tuple((name, CPU_50) for name in names if scaled),
            addresses=("127.0.0.1",),
            proxies=proxies,
        )
        self.clock, self.notes = Clock(), list[tuple[float, ...]]()
        self.plane = FakePlane(self.clock, proxies)

        def note(now_s: float, *counts: int) -> None:
            self.notes.append((round(now_s, 6), *counts))

        control.start(self.clock, scenario, cluster_, self.plane, declared(scenario), Streams(1, 0), note)


def test_the_pods_of_time_zero_of_all_deployments_are_in_rotation_at_once() -> None:
    world = World("one", "two")
    assert world.plane.told == [(0.0, "add", name) for name in ("one-1", "one-2", "two-1", "two-2")]
    assert world.notes[-1] == (0.0, 4, 4, 4)


def test_a_busy_deployment_grows_and_the_idle_one_beside_it_stays() -> None:
    world = World("one", "two")
    for name in ("one-1", "one-2"):
        world.plane.pods[name].burn(0.1)
    for name in ("two-1", "two-2"):
        world.plane.pods[name].burn(0.05)
    world.clock.run(until=9.0)
    # 100 milli-cores a pod at 50 % of 100 double; the sync follows the scrape due at 5 s, and pods take 2.5 s to start
    assert world.plane.since(0.0) == [(8.2, "add", "one-3"), (8.2, "add", "one-4")]
    assert world.notes[-1] == (8.2, 6, 6, 6)


def test_counts_are_those_of_all_deployments() -> None:
    world = World("one", "two", disturbances=[{"at": "1s", "kill": 3}])
    world.clock.run(until=1.5)
    assert world.notes[-1][1:] == (4, 1, 1)


def test_pods_that_no_node_has_room_for_get_one_from_the_node_autoscaler() -> None:
    nodes = {"count": 1, "cpu": 0.2, "max": 3, "provision": "5s"}
    world = World(cluster={"nodes": nodes}, scaled=False, disturbances=[{"at": "1s", "rollout": "live"}])
    world.clock.run(until=9.0)
    # the update's extra pod waits for room, and no old one may go before it is ready
    assert world.plane.since(0.0) == []
    world.clock.run(until=60.0)
    assert [what for _, *what in world.plane.since(0.0)] == [
        ["drain", "live-2"], ["add", "live-3"], ["drain", "live-1"], ["add", "live-4"],
    ]  # fmt: skip
    assert 13.0 < world.plane.since(0.0)[0][0] < 25.0


def test_more_pods_than_the_first_nodes_hold_are_not_all_there_at_time_zero() -> None:
    world = World(cluster={"nodes": {"count": 1, "cpu": 0.3, "max": 2}}, replicas=5, scaled=False)
    assert world.notes[-1] == (0.0, 5, 3, 3)
    world.clock.run(until=300.0)
    assert world.notes[-1][1:] == (5, 5, 5)


def test_a_zone_that_is_cut_off_is_found_out_by_each_proxy_at_a_moment_of_its_own() -> None:
    world = World(
        cluster={"nodes": {"count": 2, "cpu": 1, "zones": 2}},
        disturbances=[{"at": "10s", "zone": {"duration": "25s"}}],
        proxies=3,
        scaled=False,
    )
    world.clock.run(until=100.0)
    told = world.plane.since(0.0)
    down_s, up_s = ({at_s for at_s, what, _ in told if what == way} for way in ("down", "up"))
    assert [len(down_s), len(up_s), len(told)] == [3, 3, 6]
    # three checks of 2 s, each 2 s after the one before; then two good ones
    assert all(20.0 <= at_s < 22.0 for at_s in down_s)
    assert all(37.0 <= at_s < 41.0 for at_s in up_s)


def test_new_pods_are_cold_and_those_of_time_zero_are_not() -> None:
    world = World(workload={"cold": {"factor": 3, "duration": "30s"}}, disturbances=[{"at": "1s", "kill": 1}])
    world.clock.run(until=20.0)
    assert [pod.cold for pod in world.plane.pods.values()] == [None, None, (3, 34.0)]


def test_an_autoscaler_does_nothing_through_an_api_outage_and_catches_up_after_it() -> None:
    world = World(disturbances=[{"at": "4s", "api_outage": "27s"}])
    for pod in world.plane.pods.values():
        pod.burn(0.1)
    world.clock.run(until=60.0)
    assert world.plane.since(0.0)[0] == (38.2, "add", "live-3")


def enriched(number: int) -> RandomWorld:
    """A random data plane with everything that the control plane can do switched on."""
    r = Random(number)
    one = random_world(r)
    names, end_s = [deployment.name for deployment in one.cluster.deployments], one.schedule.duration_s
    troubles: list[dict[str, Any]] = [
        {"kill": r.choice([1, 3])},
        {"slow": {"pods": 2, "factor": 3, "duration": "2s"}},
        {"zone": {"duration": f"{r.choice([1, 45])}s"}},
        {"reload": True},
        {"metrics_outage": "2s"},
        {"api_outage": f"{r.choice([1, 6])}s"},
        {"rollout": r.choice(names)},
    ]
    disturbances = [{"at": f"{r.uniform(0, end_s):.3f}s"} | trouble for trouble in r.sample(troubles, 4)]
    words = {
        "hpa_sync": "1s", "metrics_resolution": "500ms", "start_delay": "300ms", "proxies": one.cluster.proxies,
        "nodes": {"count": 2, "cpu": 0.5, "max": 6, "zones": 2, "provision": f"{r.choice([0, 2])}s"},
    }  # fmt: skip
    scenario = one.scenario.model_copy(
        update={
            "disturbances": TypeAdapter(tuple[Disturbance, ...]).validate_python(disturbances),
            "cluster": ClusterSection.model_validate(words),
            "workload": one.scenario.workload.model_copy(update={"cold": Cold(factor=2, duration="2s")}),
        }
    )
    metrics = [
        Metric("External", "matchday_requests_per_second", average_milli=2000),
        Metric("Pods", "matchday_in_flight", average_milli=1500),
        Metric("Object", "matchday_queue_length", value_milli=3000),
        Metric("Resource", "cpu", utilization_percent=50),
    ]
    cluster = replace(
        one.cluster,
        replicas={name: r.choice([1, 2, 3]) for name in names},
        autoscalers=tuple((name, HpaSpec(1, 8, tuple(r.sample(metrics, 2)))) for name in names),
    )
    behaviour = replace(one.behaviour, startup=lognormal(0.7, 0.3))
    return replace(one, scenario=scenario, cluster=cluster, behaviour=behaviour)


@pytest.mark.parametrize("number", range(12))
def test_both_data_planes_meet_the_same_control_plane_and_every_request_the_same_fate(number: int) -> None:
    one = enriched(number)
    trace = simulate(one.scenario, one.cluster, one.schedule, one.behaviour, Streams(one.seed, 0))
    schedule = one.schedule
    replication = Replication(
        one.scenario, one.cluster, schedule.phases, schedule.duration_s, one.behaviour, Streams(one.seed, 0)
    )
    tally = replication.run([schedule], tracing=True)
    assert [row[1:] for row in tally.replicas] == [row[1:] for row in trace.replicas]
    times_s = [[row[0] for row in rows] for rows in (tally.replicas, trace.replicas)]
    assert times_s[0] == pytest.approx(times_s[1], rel=1e-9)
    found = tally.records[np.lexsort((tally.records["who"], tally.records["intended_s"]))]
    expected = trace.in_order()
    assert [FATES[fate] for fate in found["fate"]] == [record.fate for record in expected]
    assert found["end_s"] == pytest.approx([record.end_s for record in expected], rel=1e-9)

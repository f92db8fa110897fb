from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from balancer.policy.config import Backend, BackendSettings, ProxyConfig
from balancer.policy.hpa import HpaSpec, Metric
from balancer.policy.objects import Deployment, Probe
from scenarios.schema import Scenario
from sim.clock import Clock
from sim.cluster import Cluster
from sim.controlplane import control
from sim.streams import Streams
from sim.workload import declared
from tests.sim.controlplane.conftest import FakePlane

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
            autoscalers=tuple((name, CPU_50) for name in names),
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

from __future__ import annotations

import numpy as np
import pytest

from balancer.policy.hpa import HpaSpec, Metric
from balancer.policy.objects import Deployment, Probe
from sim.clock import Clock
from sim.controlplane.autoscaler import Autoscaler, scrape_loop, sync_loop
from sim.controlplane.deployment import Lags, ReplicaSet
from sim.controlplane.metrics import Metrics
from sim.streams import Sequence
from tests.sim.controlplane.conftest import FakePlane


def scaled(
    cores: float, *, replicas: int = 2, period_s: float = 5.0, resolution_s: float = 5.0
) -> tuple[Clock, ReplicaSet, list[tuple[float, int]]]:
    """A Deployment whose first pods burn this much each, its HPA at 50 % of 100 milli-cores, and when it scaled."""
    env = Clock()
    deployment = Deployment(
        name="live", namespace="default", replicas=replicas, selector={}, pod_labels={}, ports={}, first_port=1,
        cpu_request_milli=100, cpu_limit_milli=None, readiness=Probe(period_s=1),
    )  # fmt: skip
    none, startup = (Sequence(np.random.default_rng(0), lambda u, v=v: np.full(u.shape, v)) for v in (0.0, 2.5))  # type: ignore[misc]
    changes: list[tuple[float, int]] = []

    def changed() -> None:
        if not changes or changes[-1][1] != pods.desired:
            changes.append((round(env.now, 6), pods.desired))

    plane = FakePlane(env)
    pods = ReplicaSet(env, deployment, plane, Lags(0.0, none, startup, none), changed)
    pods.begin(replicas)
    for pod in plane.pods.values():
        pod.burn(cores)
    metrics = Metrics()
    spec = HpaSpec(1, 9, (Metric("Resource", "cpu", utilization_percent=50),))
    env.process(scrape_loop(env, metrics, [pods], resolution_s))
    env.process(sync_loop(env, [Autoscaler(spec, pods, metrics)], period_s))
    return env, pods, changes


def test_the_first_sync_after_a_period_scales_on_the_scrape_due_then() -> None:
    env, _, changes = scaled(cores=0.1)
    env.run(until=9.0)
    assert changes == [(0.0, 2), (5.2, 4)]


def test_without_two_scrapes_nothing_is_decided() -> None:
    env, _, changes = scaled(cores=0.1, resolution_s=60.0)
    env.run(until=59.0)
    assert changes == [(0.0, 2)]
    env.run(until=61.0)
    assert changes[-1] == (60.2, 4)


def test_new_pods_that_burn_nothing_bring_the_average_down() -> None:
    env, pods, changes = scaled(cores=0.1)
    env.run(until=20.0)
    # 100 + 100 + 0 + 0 over four pods is 50 %: on target from the sync on that sees all of them
    assert changes == [(0.0, 2), (5.2, 4)]
    assert sum(replica.ready for replica in pods.replicas) == 4


@pytest.mark.parametrize("cores", [0.045, 0.05, 0.055])
def test_within_tolerance_nothing_happens(cores: float) -> None:
    env, _, changes = scaled(cores)
    env.run(until=300.0)
    assert changes == [(0.0, 2)]


def test_idle_pods_are_kept_for_the_stabilisation_window() -> None:
    env, _, changes = scaled(cores=0.0)
    env.run(until=400.0)
    assert changes[0] == (0.0, 2)
    assert changes[1][0] == pytest.approx(305.2, abs=5.1)
    assert changes[1][1] == 1

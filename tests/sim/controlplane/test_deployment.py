from __future__ import annotations

import numpy as np
import pytest

from balancer.policy.objects import Deployment, Probe
from sim.clock import Clock
from sim.controlplane.deployment import Lags, ReplicaSet
from sim.pod import Pod, WorkerPod
from sim.streams import Sequence


class Rota:
    """Remembers what the proxy was told."""

    def __init__(self, env: Clock) -> None:
        self.env = env
        self.told: list[tuple[float, str, str]] = []

    def add(self, deployment: str, pod: Pod) -> None:
        self.told.append((round(self.env.now, 6), "add", pod.name))

    def drain(self, deployment: str, pod: Pod) -> None:
        self.told.append((round(self.env.now, 6), "drain", pod.name))


class Visit:
    service_s, cpu_s = 3.0, 0.0
    broken: bool | None = None

    def pod_finished(self, *, broken: bool) -> None:
        self.broken = broken


def always(value: float) -> Sequence:
    return Sequence(np.random.default_rng(0), lambda u: np.full(u.shape, value))


def replica_set(
    start_delay_s: float = 0.0, grace_s: float = 30.0
) -> tuple[ReplicaSet, Rota, list[tuple[int, int, int]]]:
    env = Clock()
    rota = Rota(env)
    deployment = Deployment(
        name="live", namespace="default", replicas=2, selector={}, pod_labels={}, ports={}, first_port=8080,
        cpu_request_milli=100, cpu_limit_milli=None, readiness=Probe(period_s=1), termination_grace_s=grace_s,
    )  # fmt: skip
    lags = Lags(start_delay_s, decision=always(0.1), startup=always(2.5), rotation=always(0.02))
    counts: list[tuple[int, int, int]] = []
    pods = ReplicaSet(
        env,
        deployment,
        lambda name: WorkerPod(env, name, 1),
        rota,
        lags,
        lambda: counts.append(
            (pods.desired, sum(r.ready for r in pods.replicas), sum(r.in_rotation for r in pods.replicas))
        ),
    )
    return pods, rota, counts


def test_pods_of_time_zero_are_ready_and_in_rotation() -> None:
    pods, rota, counts = replica_set()
    pods.begin(2)
    assert rota.told == [(0.0, "add", "live-1"), (0.0, "add", "live-2")]
    assert counts == [(2, 2, 2)]


def test_a_new_pod_starts_is_probed_and_joins_each_a_lag_later() -> None:
    pods, rota, counts = replica_set(start_delay_s=1.0)
    pods.begin(1)
    pods.env.run(until=10.0)
    pods.scale(2)
    pods.env.run(until=20.0)
    # decided at 10, started at 11.1, up at 13.6, probed at 14.1, in rotation 0.02 s later
    assert rota.told[1:] == [(14.12, "add", "live-2")]
    assert counts == [(1, 1, 1), (2, 1, 1), (2, 2, 1), (2, 2, 2)]
    new = pods.replicas[1]
    assert (new.started_s, new.ready_since_s) == pytest.approx((11.1, 14.1))


def test_a_retired_pod_is_drained_at_once_and_gone_when_idle() -> None:
    pods, rota, counts = replica_set()
    pods.begin(2)
    job = Visit()
    assert pods.replicas[1].pod is not None
    pods.replicas[1].pod.accept(job)
    pods.scale(1)
    assert rota.told[-1] == (0.0, "drain", "live-2")
    assert counts[-1] == (1, 1, 1)
    pods.env.run(until=2.9)
    assert [r.name for r in pods.replicas] == ["live-1", "live-2"]
    assert [r.name for r in pods.active] == ["live-1"]
    pods.env.run(until=3.1)
    assert [r.name for r in pods.replicas] == ["live-1"]
    assert job.broken is False


def test_a_pod_that_is_not_idle_when_grace_is_over_is_broken_off() -> None:
    pods, _, _ = replica_set(grace_s=1.0)
    pods.begin(1)
    job = Visit()
    assert pods.replicas[0].pod is not None
    pods.replicas[0].pod.accept(job)
    pods.scale(0)
    pods.env.run(until=1.5)
    assert job.broken is True


@pytest.mark.parametrize("retired_at_s", [0.05, 1.0, 3.11])
def test_a_pod_retired_before_it_was_in_rotation_never_gets_there(retired_at_s: float) -> None:
    pods, rota, _ = replica_set()
    pods.begin(1)
    pods.scale(2)
    pods.env.run(until=retired_at_s)
    pods.scale(1)
    pods.env.run(until=20.0)
    assert rota.told == [(0.0, "add", "live-1")]
    assert [r.name for r in pods.replicas] == ["live-1"]


def test_a_killed_pod_is_replaced_and_the_proxy_hears_of_it_a_lag_later() -> None:
    pods, rota, counts = replica_set()
    pods.begin(2)
    pods.env.run(until=10.0)
    pods.kill(pods.active[0])
    assert counts[-1] == (2, 1, 1)
    pods.env.run(until=20.0)
    assert rota.told[2:] == [(10.02, "drain", "live-1"), (13.12, "add", "live-3")]
    assert counts[-1] == (2, 2, 2)


def test_zero_pods_is_a_deployment_too() -> None:
    pods, rota, counts = replica_set()
    pods.begin(0)
    pods.env.run()
    assert (rota.told, counts) == ([], [(0, 0, 0)])

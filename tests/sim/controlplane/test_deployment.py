from __future__ import annotations

import numpy as np
import pytest

from balancer.policy.objects import Deployment, Probe
from sim.clock import Clock
from sim.controlplane.deployment import Lags, ReplicaSet
from sim.streams import Sequence
from tests.sim.controlplane.conftest import FakePlane


def always(value: float) -> Sequence:
    return Sequence(np.random.default_rng(0), lambda u: np.full(u.shape, value))


def replica_set(
    start_delay_s: float = 0.0, grace_s: float = 30.0
) -> tuple[ReplicaSet, FakePlane, list[tuple[int, int, int]]]:
    env = Clock()
    plane = FakePlane(env)
    deployment = Deployment(
        name="live", namespace="default", replicas=2, selector={}, pod_labels={}, ports={}, first_port=8080,
        cpu_request_milli=100, cpu_limit_milli=None, readiness=Probe(period_s=1), termination_grace_s=grace_s,
    )  # fmt: skip
    lags = Lags(start_delay_s, decision=always(0.1), startup=always(2.5), rotation=always(0.02))
    counts: list[tuple[int, int, int]] = []
    pods = ReplicaSet(
        env,
        deployment,
        plane,
        lags,
        lambda: counts.append(
            (pods.desired, sum(r.ready for r in pods.replicas), sum(r.in_rotation for r in pods.replicas))
        ),
    )
    return pods, plane, counts


def test_pods_of_time_zero_are_ready_and_in_rotation() -> None:
    pods, plane, counts = replica_set()
    pods.begin(2)
    assert plane.told == [(0.0, "add", "live-1"), (0.0, "add", "live-2")]
    assert counts == [(2, 2, 2)]


def test_a_new_pod_starts_is_probed_and_joins_each_a_lag_later() -> None:
    pods, plane, counts = replica_set(start_delay_s=1.0)
    pods.begin(1)
    pods.env.run(until=10.0)
    pods.scale(2)
    pods.env.run(until=20.0)
    # decided at 10, started at 11.1, up at 13.6, probed at 14.1, in rotation 0.02 s later
    assert plane.told[1:] == [(14.12, "add", "live-2")]
    assert counts == [(1, 1, 1), (2, 1, 1), (2, 2, 1), (2, 2, 2)]
    new = pods.replicas[1]
    assert (new.started_s, new.ready_since_s) == pytest.approx((11.1, 14.1))


def test_a_retired_pod_is_drained_at_once_and_gone_when_idle() -> None:
    pods, plane, counts = replica_set()
    pods.begin(2)
    plane.pods["live-2"].in_flight = 1
    pods.env.at(3.0, plane.pods["live-2"].finish)
    pods.scale(1)
    assert plane.told[-1] == (0.0, "drain", "live-2")
    assert counts[-1] == (1, 1, 1)
    pods.env.run(until=2.9)
    assert [r.name for r in pods.replicas] == ["live-1", "live-2"]
    assert [r.name for r in pods.active] == ["live-1"]
    pods.env.run(until=3.1)
    assert [r.name for r in pods.replicas] == ["live-1"]


def test_a_pod_that_is_not_idle_when_grace_is_over_is_broken_off() -> None:
    pods, plane, _ = replica_set(grace_s=1.0)
    pods.begin(1)
    plane.pods["live-1"].in_flight = 1
    pods.scale(0)
    pods.env.run(until=0.9)
    assert plane.pods["live-1"].alive
    pods.env.run(until=1.5)
    assert not plane.pods["live-1"].alive


@pytest.mark.parametrize("retired_at_s", [0.05, 1.0, 3.11])
def test_a_pod_retired_before_it_was_in_rotation_never_gets_there(retired_at_s: float) -> None:
    pods, plane, _ = replica_set()
    pods.begin(1)
    pods.scale(2)
    pods.env.run(until=retired_at_s)
    pods.scale(1)
    pods.env.run(until=20.0)
    assert plane.told == [(0.0, "add", "live-1")]
    assert [r.name for r in pods.replicas] == ["live-1"]


def test_a_killed_pod_is_replaced_and_the_proxy_hears_of_it_a_lag_later() -> None:
    pods, plane, counts = replica_set()
    pods.begin(2)
    pods.env.run(until=10.0)
    pods.kill(pods.active[0])
    assert counts[-1] == (2, 1, 1)
    pods.env.run(until=20.0)
    assert plane.told[2:] == [(10.02, "drain", "live-1"), (13.12, "add", "live-3")]
    assert counts[-1] == (2, 2, 2)


def test_zero_pods_is_a_deployment_too() -> None:
    pods, plane, counts = replica_set()
    pods.begin(0)
    pods.env.run()
    assert (plane.told, counts) == ([], [(0, 0, 0)])

from __future__ import annotations

import numpy as np

from balancer.policy.objects import Deployment, Probe
from scenarios.schema import KillDisturbance, Slow, SlowDisturbance
from sim.clock import Clock
from sim.controlplane.deployment import Lags, ReplicaSet
from sim.controlplane.disturbances import disturb
from sim.streams import Sequence
from tests.sim.controlplane.conftest import FakePlane


def two_sets(env: Clock, plane: FakePlane | None = None) -> list[ReplicaSet]:
    none = Sequence(np.random.default_rng(0), np.zeros_like)
    sets = []
    for name in ("one", "two"):
        deployment = Deployment(
            name=name, namespace="default", replicas=2, selector={}, pod_labels={}, ports={}, first_port=1,
            cpu_request_milli=None, cpu_limit_milli=None, readiness=Probe(period_s=1),
        )  # fmt: skip
        pods = ReplicaSet(env, deployment, plane or FakePlane(env), Lags(0.0, none, none, none), lambda: None)
        pods.begin(2)
        sets.append(pods)
    return sets


def test_the_oldest_pods_die_at_their_time_and_are_replaced() -> None:
    env = Clock()
    sets = two_sets(env)
    env.process(disturb(env, [KillDisturbance(at="5s", kill=3)], sets))
    env.run(until=4.9)
    assert [r.name for s in sets for r in s.replicas] == ["one-1", "one-2", "two-1", "two-2"]
    env.run(until=9.0)
    assert [r.name for s in sets for r in s.replicas] == ["one-3", "one-4", "two-2", "two-3"]
    assert [r.ready for s in sets for r in s.replicas] == [True] * 4


def test_slow_pods_recover_after_their_time() -> None:
    env = Clock()
    plane = FakePlane(env)
    sets = two_sets(env, plane)
    slow = SlowDisturbance(at="2s", slow=Slow(pods=1, factor=3, duration="4s"))
    env.process(disturb(env, [slow], sets))

    def factors() -> list[float]:
        return [pod.factor for pod in plane.pods.values()]

    env.run(until=1.9)
    assert factors() == [1, 1, 1, 1]
    env.run(until=5.9)
    assert factors() == [3, 1, 1, 1]
    env.run(until=6.1)
    assert factors() == [1, 1, 1, 1]


def test_disturbances_come_in_order_of_time_whatever_their_order_in_the_file() -> None:
    env = Clock()
    sets = two_sets(env)
    late, early = KillDisturbance(at="5s", kill=1), KillDisturbance(at="1s", kill=1)
    env.process(disturb(env, [late, early], sets))
    env.run(until=2.0)
    assert [r.name for r in sets[0].replicas] == ["one-2", "one-3"]


def test_more_kills_than_pods_kill_all() -> None:
    env = Clock()
    sets = two_sets(env)
    env.process(disturb(env, [KillDisturbance(at="1s", kill=99)], sets))
    env.run(until=1.5)
    assert [r.name for s in sets for r in s.replicas] == ["one-3", "one-4", "two-3", "two-4"]

"""One HorizontalPodAutoscaler in SimPy: the sync loop around `balancer.policy.hpa.decide`."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import simpy

from balancer.policy.hpa import HpaSpec, Memory, Sample
from balancer.policy.hpa_decide import decide
from balancer.policy.podview import SYNC_OFFSET_S
from sim.clock import Clock
from sim.controlplane.deployment import ReplicaSet
from sim.controlplane.metrics import Metrics


class Autoscaler:
    """Scales one Deployment's pods on what the last scrape saw."""

    def __init__(self, spec: HpaSpec, replica_set: ReplicaSet, metrics: Metrics) -> None:
        self.spec, self.replica_set, self.metrics = spec, replica_set, metrics
        self._memory = Memory()

    def sync(self, now_s: float) -> None:
        """Decide, and act on it."""
        replica_set = self.replica_set
        request_milli = replica_set.deployment.cpu_request_milli
        sample = Sample(
            spec_replicas=replica_set.desired,
            status_replicas=len(replica_set.active),
            pods=tuple(self.metrics.sample(replica, request_milli) for replica in replica_set.replicas),
        )
        decision = decide(self.spec, self._memory, sample, now_s)
        self._memory = decision.memory
        if decision.desired != replica_set.desired:
            replica_set.scale(decision.desired)


def scrape_loop(
    env: Clock, metrics: Metrics, sets: Sequence[ReplicaSet], resolution_s: float
) -> Generator[simpy.Event, None, None]:
    """Scrape all pods at k * resolution, zero included."""
    k = 0
    while True:
        metrics.scrape((replica for replica_set in sets for replica in replica_set.replicas), env.now)
        k += 1
        yield env.until(k * resolution_s)


def sync_loop(env: Clock, autoscalers: Sequence[Autoscaler], period_s: float) -> Generator[simpy.Event, None, None]:
    """Sync all HPAs at k * period + SYNC_OFFSET_S, k >= 1."""
    k = 0
    while True:
        k += 1
        yield env.until(k * period_s + SYNC_OFFSET_S)
        for autoscaler in autoscalers:
            autoscaler.sync(env.now)

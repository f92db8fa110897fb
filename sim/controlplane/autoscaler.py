"""HorizontalPodAutoscalers in SimPy: the sync loop around `balancer.policy.hpa.decide`."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import simpy

from balancer.policy.hpa import HpaSpec, Memory
from balancer.policy.hpa_decide import decide
from balancer.policy.podview import SYNC_OFFSET_S
from sim.clock import Clock
from sim.controlplane.deployment import ReplicaSet
from sim.controlplane.gate import Gate
from sim.controlplane.metrics import Metrics


class Autoscaler:
    """Scales one Deployment's pods on what the last scrape saw."""

    def __init__(self, spec: HpaSpec, replica_set: ReplicaSet, metrics: Metrics) -> None:
        self.replica_set = replica_set
        self._spec, self._metrics, self._memory = spec, metrics, Memory()

    def sync(self, now_s: float) -> None:
        """Decide, and act on it."""
        decision = decide(self._spec, self._memory, self._metrics.sample(self.replica_set), now_s)
        self._memory = decision.memory
        if decision.desired != self.replica_set.desired:
            self.replica_set.scale(decision.desired)


def scrape_loop(
    clock: Clock, metrics: Metrics, sets: Sequence[ReplicaSet], resolution_s: float
) -> Generator[simpy.Event, None, None]:
    """Scrape these Deployments at k * resolution, zero included."""
    k = 0
    while True:
        metrics.scrape(sets, clock.now)
        k += 1
        yield clock.until(k * resolution_s)


def sync_loop(
    clock: Clock, api: Gate, autoscalers: Sequence[Autoscaler], period_s: float
) -> Generator[simpy.Event, None, None]:
    """Sync all HPAs at k * period + SYNC_OFFSET_S, k >= 1, unless the API server is down."""
    k = 0
    while True:
        k += 1
        yield clock.until(k * period_s + SYNC_OFFSET_S)
        if api.is_open:
            for autoscaler in autoscalers:
                autoscaler.sync(clock.now)

"""A zone that cannot be reached: what breaks at once, and what Kubernetes makes of it later.

Connections to its pods hang, its kubelets and the API server hear nothing of each other, and the scheduler leaves
it alone from the first moment (in Kubernetes only once its nodes are NotReady). The proxies stand in other zones.
All its nodes are found NotReady at one moment and evicted at one moment; Kubernetes would take them in turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sim.clock import Clock
from sim.controlplane.checks import Checks
from sim.controlplane.deployment import ReplicaSet
from sim.controlplane.gate import Gate
from sim.controlplane.node import Zone
from sim.controlplane.replica import Replica
from sim.controlplane.scheduler import Scheduler

# Source: kube-controller-manager, --node-monitor-grace-period (40 s until 1.31, 50 s since; 40 s kept).
NOT_READY_AFTER_S = 40.0
# Source: admission plugin DefaultTolerationSeconds, node.kubernetes.io/unreachable.
EVICTED_AFTER_S = 300.0


class ZoneOutage:
    """Cuts a zone off and brings it back."""

    def __init__(
        self, clock: Clock, api: Gate, scheduler: Scheduler, checks: Checks, zone: Zone, sets: Sequence[ReplicaSet]
    ) -> None:
        self._clock, self._api, self._scheduler, self._checks = clock, api, scheduler, checks
        self._zone, self._sets = zone, sets
        self._outages = 0

    def begin(self) -> None:
        """Cut it off; overlapping outages end with the last."""
        self._outages += 1
        if self._outages > 1:
            return
        now_s = self._clock.now
        self._zone.cut_since_s = now_s
        self._set_reachable(reachable=False)
        self._zone.link.shut()
        self._look()
        self._clock.at(now_s + NOT_READY_AFTER_S, lambda: self._api.send(lambda: self._not_ready(now_s)))

    def end(self) -> None:
        """Bring it back."""
        self._outages -= 1
        if self._outages:
            return
        self._zone.cut_since_s = None
        self._set_reachable(reachable=True)
        self._zone.link.reopen()
        self._look()
        self._api.send(self._ready)

    def _pods(self) -> Iterator[tuple[ReplicaSet, Replica]]:
        for replica_set in self._sets:
            for replica in tuple(replica_set.replicas):
                if replica.node is not None and replica.node.zone is self._zone:
                    yield replica_set, replica

    def _set_reachable(self, *, reachable: bool) -> None:
        for _, replica in self._pods():
            if replica.pod is not None:
                replica.pod.set_reachable(reachable=reachable)

    def _look(self) -> None:
        for _, replica in self._pods():
            self._checks.look(replica)

    def _not_ready(self, cut_since_s: float) -> None:
        if self._zone.cut_since_s != cut_since_s:
            return
        now_s = self._clock.now
        self._zone.not_ready_since_s = now_s
        for replica_set, replica in self._pods():
            if replica.ready:
                replica_set.set_ready(replica, ready=False)
        self._clock.at(now_s + EVICTED_AFTER_S, lambda: self._api.send(lambda: self._evict(now_s)))

    def _evict(self, not_ready_since_s: float) -> None:
        if self._zone.not_ready_since_s == not_ready_since_s:
            for replica_set, replica in self._pods():
                if not replica.deleting:
                    replica_set.evict(replica)

    def _ready(self) -> None:
        if not self._zone.link.is_open:
            return
        self._zone.not_ready_since_s = None
        for replica_set, replica in self._pods():
            if replica.unready_since_s is not None and replica.alive and not replica.deleting:
                replica_set.set_ready(replica, ready=True)
        self._scheduler.look_again()

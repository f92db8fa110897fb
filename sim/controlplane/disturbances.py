"""What goes wrong on purpose, at its time. Pods are taken oldest ready ones first, over all Deployments."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from scenarios.schema import (
    ApiOutageDisturbance,
    Disturbance,
    KillDisturbance,
    MetricsOutageDisturbance,
    ReloadDisturbance,
    RolloutDisturbance,
    SlowDisturbance,
)
from sim.clock import Clock
from sim.controlplane.deployment import ReplicaSet
from sim.controlplane.gate import Gate
from sim.controlplane.metrics import Metrics
from sim.controlplane.replica import Replica
from sim.controlplane.zone import ZoneOutage
from sim.plane import Plane


class Troublemaker:
    """Knows everything that can break."""

    def __init__(
        self,
        clock: Clock,
        plane: Plane,
        sets: Sequence[ReplicaSet],
        *,
        api: Gate,
        metrics: Metrics,
        zone: ZoneOutage,
    ) -> None:
        self._clock, self._plane, self._sets = clock, plane, sets
        self._api, self._metrics, self._zone = api, metrics, zone
        self._slow: dict[Replica, list[float]] = {}

    def plan(self, disturbances: Sequence[Disturbance]) -> None:
        """Let each happen at its time; those of one moment in the order of the file."""
        for disturbance in disturbances:
            self._plan(disturbance)

    def _plan(self, disturbance: Disturbance) -> None:
        self._clock.at(disturbance.at, lambda: self._disturb(disturbance))

    def _disturb(self, what: Disturbance) -> None:
        clock = self._clock
        if isinstance(what, KillDisturbance):
            for replica_set, replica in self._oldest_ready()[: what.kill]:
                replica_set.kill(replica)
        elif isinstance(what, SlowDisturbance):
            for _, replica in self._oldest_ready()[: what.slow.pods]:
                self._slow_down(replica, what.slow.factor)
                clock.at(what.at + what.slow.duration, partial(self._recover, replica, what.slow.factor))
        elif isinstance(what, ReloadDisturbance):
            self._plane.reload()
        elif isinstance(what, RolloutDisturbance):
            next(s for s in self._sets if s.deployment.name == what.rollout).roll_out()
        elif isinstance(what, MetricsOutageDisturbance):
            self._metrics.begin_outage()
            clock.at(what.at + what.metrics_outage, self._metrics.end_outage)
        elif isinstance(what, ApiOutageDisturbance):
            self._api.shut()
            clock.at(what.at + what.api_outage, self._api.reopen)
        else:
            self._zone.begin()
            clock.at(what.at + what.zone.duration, self._zone.end)

    def _slow_down(self, replica: Replica, factor: float) -> None:
        """Of several slownesses at once the worst counts."""
        assert replica.pod is not None
        factors = self._slow.setdefault(replica, [])
        factors.append(factor)
        replica.pod.slow(max(factors))

    def _recover(self, replica: Replica, factor: float) -> None:
        assert replica.pod is not None
        factors = self._slow[replica]
        factors.remove(factor)
        replica.pod.slow(max(factors, default=1.0))

    def _oldest_ready(self) -> list[tuple[ReplicaSet, Replica]]:
        ready = [(s, r) for s in self._sets for r in s.active if r.ready and r.alive]
        return sorted(ready, key=lambda pair: pair[1].created_s)

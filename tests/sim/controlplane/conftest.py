"""A data plane that serves nobody: it remembers what it was told, and pods are as busy as a test says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import simpy

from balancer.policy.objects import Deployment, Probe
from scenarios.schema import Cold, Nodes
from sim.clock import Clock
from sim.controlplane.census import Census
from sim.controlplane.checks import CheckPlan, Checks
from sim.controlplane.deployment import ReplicaSet
from sim.controlplane.gate import Gate
from sim.controlplane.kubelet import Kubelet, Lags
from sim.controlplane.replica import Replica
from sim.controlplane.rotation import Rotation
from sim.controlplane.scheduler import Scheduler, machines
from sim.controlplane.zone import ZoneOutage
from sim.streams import Sequence


class FakePod:
    """A pod that holds `in_flight` requests until a test calls `finish`, and burns `cores` all the time."""

    def __init__(self, clock: Clock, name: str) -> None:
        self.clock, self.name = clock, name
        self.alive = self.reachable = True
        self.in_flight = self.accepted = 0
        self.factor = 1.0
        self.cold: tuple[float, float] | None = None
        self._idle: list[simpy.Event] = []
        self._cores = self._burnt_s = 0.0
        self._metered_s = clock.now

    def kill(self) -> None:
        self.burn(0.0)
        self.alive = False
        self.finish()

    def slow(self, factor: float) -> None:
        self.factor = factor

    def warm_up(self, factor: float, until_s: float) -> None:
        self.cold = (factor, until_s)

    def set_reachable(self, *, reachable: bool) -> None:
        self.reachable = reachable

    def cpu_used_s(self) -> float:
        return self._burnt_s + self._cores * (self.clock.now - self._metered_s)

    def when_idle(self) -> simpy.Event:
        self._idle.append(self.clock.event())
        return self._idle[-1]

    def burn(self, cores: float) -> None:
        self._burnt_s, self._metered_s, self._cores = self.cpu_used_s(), self.clock.now, cores

    def finish(self) -> None:
        self.in_flight = 0
        idle, self._idle = self._idle, []
        for event in idle:
            event.succeed()


@dataclass
class FakePlane:
    """`told` is (time, what, pod), for a mark (time, "up" or "down", pod@proxy)."""

    clock: Clock
    proxies: int = 1
    told: list[tuple[float, str, str]] = field(default_factory=list)
    pods: dict[str, FakePod] = field(default_factory=dict)
    arrivals: dict[str, int] = field(default_factory=dict)
    queues: dict[str, int] = field(default_factory=dict)

    def new_pod(self, deployment: str, name: str) -> FakePod:
        self.pods[name] = FakePod(self.clock, name)
        return self.pods[name]

    def add(self, deployment: str, pod: FakePod, *, new: bool = True) -> None:
        self._note("add", pod.name)

    def drain(self, deployment: str, pod: FakePod) -> None:
        self._note("drain", pod.name)

    def mark(self, deployment: str, pod: FakePod, proxy: int, *, up: bool) -> None:
        self._note("up" if up else "down", f"{pod.name}@{proxy}")

    def reload(self) -> None:
        self._note("reload", "")

    def arrived(self, deployment: str) -> int:
        return self.arrivals.get(deployment, 0)

    def queued(self, deployment: str) -> int:
        return self.queues.get(deployment, 0)

    def since(self, time_s: float) -> list[tuple[float, str, str]]:
        """What it was told after this time."""
        return [told for told in self.told if told[0] > time_s]

    def _note(self, what: str, whom: str) -> None:
        self.told.append((round(self.clock.now, 6), what, whom))


def always(value: float) -> Sequence:
    return Sequence(np.random.default_rng(0), lambda u: np.full(u.shape, value))


class Bench:
    """The control plane's own parts around the fake data plane, put together by hand for Deployments `names`.

    A pod starts 0.1 s after it was decided on, answers 2.5 s later, is probed every second and reaches the
    proxies 0.02 s after that.
    """

    def __init__(
        self,
        *names: str,
        lags: Lags | None = None,
        nodes: Nodes | None = None,
        cold: Cold | None = None,
        plans: Mapping[str, CheckPlan] | None = None,
        proxies: int = 1,
        **deployment: Any,
    ) -> None:
        self.clock = Clock()
        self.plane, self.api = FakePlane(self.clock, proxies), Gate()
        self.zones, first = machines(nodes)
        self.scheduler = Scheduler(self.api, first)
        self.checks = Checks(self.clock, self.plane, plans or {})
        self.counts: list[tuple[int, ...]] = []
        self._noted_s = -1.0
        self.census = Census(self.clock, self._note)
        self.sets = [self._set(name, lags or BRISK, cold, deployment) for name in names or ("live",)]
        self.zone = ZoneOutage(self.clock, self.api, self.scheduler, self.checks, self.zones[0], self.sets)

    @property
    def pods(self) -> ReplicaSet:
        """The first Deployment."""
        return self.sets[0]

    def begin(self, replicas: int) -> Bench:
        for replica_set in self.sets:
            replica_set.begin(replicas)
        return self

    def run(self, until_s: float) -> None:
        self.clock.run(until=until_s)

    def is_quiet(self) -> bool:
        """Whether nothing is planned."""
        return all(at_s <= self.clock.now for at_s, *_ in self.clock._queue)

    def names(self) -> list[str]:
        """Pods that exist, those being deleted included."""
        return [replica.name for replica_set in self.sets for replica in replica_set.replicas]

    def replica(self, name: str) -> Replica:
        return next(r for replica_set in self.sets for r in replica_set.replicas if r.name == name)

    def _set(self, name: str, lags: Lags, cold: Cold | None, words: dict[str, Any]) -> ReplicaSet:
        owner = a_deployment(name, **words)
        clock, api, plane = self.clock, self.api, self.plane
        kubelet = Kubelet(clock, api, plane, owner, lags, cold)
        rotation = Rotation(clock, api, plane, self.checks, self.census, lags.rotation)
        return ReplicaSet(clock, owner, api, self.scheduler, kubelet, rotation, self.checks, self.census)

    def _note(self, now_s: float, *counts: int) -> None:
        """Of the counts of one moment the last, if it is different from what was before."""
        if now_s == self._noted_s:
            self.counts.pop()
        if not self.counts or self.counts[-1] != counts:
            self.counts.append(counts)
            self._noted_s = now_s


BRISK = Lags(0.0, decision=always(0.1), startup=always(2.5), rotation=always(0.02))
AT_ONCE = Lags(0.0, decision=always(0.0), startup=always(0.0), rotation=always(0.0))


def a_deployment(name: str = "live", **words: Any) -> Deployment:
    plain: dict[str, Any] = {
        "namespace": "default", "replicas": 2, "selector": {}, "pod_labels": {}, "ports": {}, "first_port": 1,
        "cpu_request_milli": 100, "cpu_limit_milli": None, "readiness": Probe(period_s=1),
    }  # fmt: skip
    return Deployment(name=name, **(plain | words))

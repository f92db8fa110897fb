"""HAProxy's own health checks: each proxy probes each of its servers, and believes itself.

A server is checked every `interval_s`, from a phase of its own. While all is well no check can change anything, so
they are only played out from the moment a pod turns bad (or good again) until every proxy knows. A check is
decided by the pod's state when it starts: a dead pod refuses it at once, one that cannot be reached lets it hang.
Source: HAProxy 2.8, check.c and server.c (rise, fall), configuration.txt (`inter`; a check's time-out is the
smaller of `inter` and `timeout connect`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sim.clock import Clock
from sim.cluster import Cluster
from sim.controlplane.replica import Replica
from sim.plane import Plane
from sim.streams import Sequence, Streams

_MOST_PROXIES = 64


@dataclass(frozen=True)
class CheckPlan:
    """How a Deployment's servers are checked. `phases` are uniform numbers; seconds; counts of checks in a row."""

    interval_s: float
    timeout_s: float
    fall: int
    rise: int
    phases: Sequence


@dataclass(eq=False)
class _Watch:
    """What one proxy makes of one server."""

    replica: Replica
    proxy: int
    phase_s: float
    up: bool = True
    good: int = 0
    bad: int = 0
    checking: bool = False
    forgotten: bool = False


class Checks:
    """All health checks of all proxies."""

    def __init__(self, clock: Clock, plane: Plane, plans: Mapping[str, CheckPlan]) -> None:
        self._clock, self._plane, self._plans = clock, plane, plans
        self._watches: dict[Replica, list[_Watch]] = {}

    def look(self, replica: Replica) -> None:
        """A server has been added, or its pod died or is out of reach or back."""
        plan = self._plans.get(replica.owner.name)
        known = replica in self._watches
        if plan is None or not replica.in_rotation or (not known and replica.alive and replica.reachable):
            return
        if not known:
            self._watches[replica] = [self._watch(plan, replica, proxy) for proxy in range(self._plane.proxies)]
        for watch in self._watches[replica]:
            if not watch.checking:
                watch.checking = True
                self._check_from(plan, watch, max(0, math.ceil((self._clock.now - watch.phase_s) / plan.interval_s)))

    def forget(self, replica: Replica) -> None:
        """Its servers are gone."""
        for watch in self._watches.pop(replica, ()):
            watch.forgotten = True

    def _watch(self, plan: CheckPlan, replica: Replica, proxy: int) -> _Watch:
        phase_s = plan.interval_s * plan.phases[replica.ordinal * _MOST_PROXIES + proxy]
        return _Watch(replica, proxy, phase_s)

    def _check_from(self, plan: CheckPlan, watch: _Watch, k: int) -> None:
        self._clock.at(watch.phase_s + k * plan.interval_s, lambda: self._check(plan, watch, k))

    def _check(self, plan: CheckPlan, watch: _Watch, k: int) -> None:
        if watch.forgotten:
            return
        replica = watch.replica
        is_good = replica.alive and replica.reachable
        if is_good:
            self._passed(plan, watch)
        elif replica.reachable:
            self._failed(plan, watch)
        else:
            next_s = watch.phase_s + (k + 1) * plan.interval_s
            lost_s = min(self._clock.now + plan.timeout_s, next_s)
            self._clock.at(lost_s, lambda: self._failed(plan, watch))
        if watch.up == is_good:
            watch.checking = False
        else:
            self._check_from(plan, watch, k + 1)

    def _passed(self, plan: CheckPlan, watch: _Watch) -> None:
        watch.bad, watch.good = 0, watch.good + 1
        if not watch.up and watch.good >= plan.rise:
            self._mark(watch, up=True)

    def _failed(self, plan: CheckPlan, watch: _Watch) -> None:
        watch.good, watch.bad = 0, watch.bad + 1
        if not watch.forgotten and watch.up and watch.bad >= plan.fall:
            self._mark(watch, up=False)

    def _mark(self, watch: _Watch, *, up: bool) -> None:
        watch.up = up
        pod = watch.replica.pod
        assert pod is not None
        self._plane.mark(watch.replica.owner.name, pod, watch.proxy, up=up)


def check_plans(cluster: Cluster, streams: Streams) -> dict[str, CheckPlan]:
    """How each Deployment is checked: as its first backend with checks says, for the proxies mark whole pods."""
    plans: dict[str, CheckPlan] = {}
    for part, deployment in enumerate(cluster.deployments):
        for backend in cluster.config.backends:
            settings = backend.settings
            if cluster.deployment_of[backend.name] == deployment.name and settings.check.enabled:
                check = settings.check
                timeout_s = min(check.interval_s, settings.timeouts.connect_s)
                phases = Sequence(streams.generator("checks", part), lambda u: u)
                plans[deployment.name] = CheckPlan(check.interval_s, timeout_s, check.fall, check.rise, phases)
                break
    return plans

"""HAProxy's own health checks: each proxy probes each of its servers, and believes itself.

A check starts `interval_s` after the one before it has ended. While all is well no check can change anything, so
they are only played out from the moment a pod turns bad (or good again) until every proxy knows. A check is
decided by the pod's state when it starts: a dead pod refuses it at once, one that cannot be reached lets it hang
for `interval_s` (a shorter `timeout connect` does not matter, for our configuration has no `timeout check`), so that
it is checked half as often. Source: HAProxy, check.c, process_chk_conn; and measured with 2.8.25, a full backlog
and `inter 1s fall 3`: DOWN 5.0 s after the first failing check began.
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
    """How a Deployment's servers are checked. `phases` are uniform numbers; `fall` and `rise` count checks in a row."""

    interval_s: float
    fall: int
    rise: int
    phases: Sequence


@dataclass(eq=False)
class _Watch:
    """What one proxy makes of one server: the next check starts at `due_s`, and more every `cycle_s`."""

    replica: Replica
    proxy: int
    due_s: float
    cycle_s: float
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
                watch.due_s += watch.cycle_s * max(0, math.ceil((self._clock.now - watch.due_s) / watch.cycle_s))
                self._plan_next(plan, watch)

    def forget(self, replica: Replica) -> None:
        """Its servers are gone."""
        for watch in self._watches.pop(replica, ()):
            watch.forgotten = True

    def _watch(self, plan: CheckPlan, replica: Replica, proxy: int) -> _Watch:
        phase_s = plan.interval_s * plan.phases[replica.ordinal * _MOST_PROXIES + proxy]
        return _Watch(replica, proxy, phase_s, plan.interval_s)

    def _plan_next(self, plan: CheckPlan, watch: _Watch) -> None:
        self._clock.at(watch.due_s, lambda: self._check(plan, watch))

    def _check(self, plan: CheckPlan, watch: _Watch) -> None:
        if watch.forgotten:
            return
        hangs, is_good = not watch.replica.reachable, watch.replica.alive and watch.replica.reachable
        if is_good:
            self._passed(plan, watch)
        elif hangs:
            self._clock.at(watch.due_s + plan.interval_s, lambda: self._failed(plan, watch))
        else:
            self._failed(plan, watch)
        watch.cycle_s = 2 * plan.interval_s if hangs else plan.interval_s
        watch.due_s += watch.cycle_s
        if watch.up == is_good:
            watch.checking = False
        else:
            self._plan_next(plan, watch)

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
            check = backend.settings.check
            if cluster.deployment_of[backend.name] == deployment.name and check.enabled:
                phases = Sequence(streams.generator("checks", part), lambda u: u)
                plans[deployment.name] = CheckPlan(check.interval_s, check.fall, check.rise, phases)
                break
    return plans

"""What happens on a pod's own node: start, readiness probes, the end. It goes on whatever becomes of the API server."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import simpy

from balancer.policy.objects import Deployment, Probe
from scenarios.schema import Cold
from sim.clock import Clock
from sim.controlplane.gate import Action, Gate
from sim.controlplane.replica import Replica, ready_at_s
from sim.plane import Plane, PodHandle
from sim.streams import Sequence

# Kubernetes without a readiness probe: ready as soon as something listens, looked at like the local target does.
_NO_PROBE = Probe(path=None)


@dataclass(frozen=True)
class Lags:
    """How long things take, the k-th pod of the Deployment taking the k-th draw. Seconds.

    start_delay_s  declared: from the decision to the start, beyond what `decision` says
    decision       from the moment a decision is due until the process starts
    startup        from the process start until the readiness endpoint would answer
    rotation       from a readiness change (or a death) until the proxy has acted on it
    """

    start_delay_s: float
    decision: Sequence
    startup: Sequence
    rotation: Sequence


class Kubelet:
    """Runs the pods of one Deployment, whatever node they are on; `cold` is how new ones warm up."""

    def __init__(
        self, clock: Clock, api: Gate, plane: Plane, deployment: Deployment, lags: Lags, cold: Cold | None
    ) -> None:
        self._clock, self._api, self._plane, self._lags, self._cold = clock, api, plane, lags, cold
        self._deployment = deployment
        self._probe = deployment.readiness or _NO_PROBE

    def run_since_long(self, replica: Replica) -> None:
        """A pod that was started and found ready before time began."""
        replica.started_s = replica.ready_since_s = self._clock.now
        replica.pod, replica.answers = self._plane.new_pod(self._deployment.name, replica.name), True

    def start(self, replica: Replica, ready: Action) -> None:
        """Start a pod that was just bound to a node; `ready` runs when the API server hears that it is ready."""
        due_s = self._clock.now + self._lags.start_delay_s + self._lags.decision[replica.ordinal]
        self._clock.at(due_s, lambda: self._start(replica, ready))

    def report(self, replica: Replica, action: Action) -> None:
        """What the API server learns of a pod, once it can be told."""
        assert replica.node is not None
        replica.node.zone.link.send(lambda: self._api.send(action))

    def terminate(self, replica: Replica, gone: Action) -> None:
        """End a pod that is being deleted when it is idle, by force when its grace period is over; then report `gone`.

        A node that cannot be reached hears of the deletion when it can be again.
        """
        assert replica.node is not None
        replica.node.zone.link.send(lambda: self._clock.process(self._end(replica, gone)))

    def _start(self, replica: Replica, ready: Action) -> None:
        if replica.deleting:
            return
        clock = self._clock
        replica.started_s = clock.now
        replica.pod = pod = self._plane.new_pod(self._deployment.name, replica.name)
        if not replica.reachable:
            pod.set_reachable(reachable=False)
        up_s = clock.now + self._lags.startup[replica.ordinal]
        clock.at(ready_at_s(self._probe, clock.now, up_s), lambda: self._found_ready(replica, pod, ready))

    def _found_ready(self, replica: Replica, pod: PodHandle, ready: Action) -> None:
        if not pod.alive:
            return
        replica.answers = True
        if self._cold is not None:
            pod.warm_up(self._cold.factor, self._clock.now + self._cold.duration)
        since_s = self._clock.now

        def publish() -> None:
            replica.ready_since_s = since_s
            ready()

        self.report(replica, publish)

    def _end(self, replica: Replica, gone: Action) -> Generator[simpy.Event, None, None]:
        pod = replica.pod
        if pod is not None and pod.in_flight:
            grace_over_s = self._clock.now + self._deployment.termination_grace_s
            yield pod.when_idle() | self._clock.until(grace_over_s)
        if pod is not None:
            pod.kill()
        self.report(replica, gone)

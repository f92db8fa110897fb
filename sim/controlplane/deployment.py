"""A Deployment in SimPy: keeps as many pods alive as it is told to, and retires them gently."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import simpy

from balancer.policy.objects import Deployment, Probe
from sim.clock import CONTROL, Clock
from sim.controlplane.replica import Replica, deletion_order, ready_at_s
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


class ReplicaSet:
    """The pods of one Deployment. `changed` is called whenever a count may have changed."""

    def __init__(
        self,
        env: Clock,
        deployment: Deployment,
        plane: Plane,
        lags: Lags,
        changed: Callable[[], None],
    ) -> None:
        self.env, self.deployment = env, deployment
        self.desired = 0
        self.replicas: list[Replica] = []
        self._plane, self._lags, self._changed = plane, lags, changed
        self._probe = deployment.readiness or _NO_PROBE
        self._created = 0

    @property
    def active(self) -> list[Replica]:
        """Pods that count: all but those being deleted, oldest first."""
        return [replica for replica in self.replicas if not replica.deleting]

    def begin(self, replicas: int) -> None:
        """These pods have been in rotation since just now."""
        self.desired = replicas
        for _ in range(replicas):
            replica = self._create()
            replica.started_s = replica.ready_since_s = self.env.now
            replica.pod = self._plane.new_pod(self.deployment.name, replica.name)
            self._into_rotation(replica, new=False)
        self._changed()

    def scale(self, desired: int) -> None:
        """Start or retire pods until `desired` remain."""
        self.desired = desired
        active = self.active
        excess = len(active) - desired
        for replica in deletion_order(active, self.env.now)[: max(0, excess)]:
            self._retire(replica)
        for _ in range(-excess):
            self.env.process(self._live(self._create()))
        self._changed()

    def kill(self, replica: Replica) -> None:
        """SIGKILL a pod. The proxy learns of it, and a replacement starts, a lag later."""
        pod = replica.pod
        assert pod is not None
        self.replicas.remove(replica)
        pod.kill()
        if replica.in_rotation:
            replica.in_rotation = False
            self.env.after(self._lags.rotation[replica.ordinal], lambda: self._drain(pod), CONTROL)
        self.scale(self.desired)

    def _create(self) -> Replica:
        replica = Replica(f"{self.deployment.name}-{self._created + 1}", self._created, self.env.now)
        self._created += 1
        self.replicas.append(replica)
        return replica

    def _live(self, replica: Replica) -> Generator[simpy.Event, None, None]:
        """From the decision to rotation."""
        env, lags, k = self.env, self._lags, replica.ordinal
        yield env.timeout(lags.start_delay_s + lags.decision[k])
        if replica.deleting:
            self.replicas.remove(replica)
            return
        replica.started_s = env.now
        replica.pod = self._plane.new_pod(self.deployment.name, replica.name)
        yield env.timeout(ready_at_s(self._probe, env.now, env.now + lags.startup[k]) - env.now)
        if replica.deleting or not replica.pod.alive:
            return
        replica.ready_since_s = env.now
        self._changed()
        yield env.timeout(lags.rotation[k])
        if not replica.deleting and replica.pod.alive:
            self._into_rotation(replica)
            self._changed()

    def _into_rotation(self, replica: Replica, *, new: bool = True) -> None:
        assert replica.pod is not None
        replica.in_rotation = True
        self._plane.add(self.deployment.name, replica.pod, new=new)

    def _drain(self, pod: PodHandle) -> None:
        self._plane.drain(self.deployment.name, pod)

    def _retire(self, replica: Replica) -> None:
        """Drained at once; gone when idle, or broken off when the grace period is over."""
        replica.deleting = True
        pod = replica.pod
        if replica.in_rotation and pod is not None:
            replica.in_rotation = False
            self._drain(pod)
        if pod is not None:
            self.env.process(self._terminate(replica, pod))

    def _terminate(self, replica: Replica, pod: PodHandle) -> Generator[simpy.Event, None, None]:
        if pod.in_flight:
            yield pod.when_idle() | self.env.timeout(self.deployment.termination_grace_s)
        if replica in self.replicas:
            self.replicas.remove(replica)
        if pod.alive:
            pod.kill()

"""The Deployment controller, its ReplicaSets included: keeps as many pods as it is told to, of the newest template."""

from __future__ import annotations

from balancer.policy.objects import Deployment
from sim.clock import Clock
from sim.controlplane.census import Census
from sim.controlplane.checks import Checks
from sim.controlplane.gate import Gate
from sim.controlplane.kubelet import Kubelet
from sim.controlplane.replica import Replica, deletion_order
from sim.controlplane.rollout import Counts, Step, allowance, next_step
from sim.controlplane.rotation import Rotation
from sim.controlplane.scheduler import Scheduler


class ReplicaSet:
    """The pods of one Deployment."""

    def __init__(
        self,
        clock: Clock,
        deployment: Deployment,
        api: Gate,
        scheduler: Scheduler,
        kubelet: Kubelet,
        rotation: Rotation,
        checks: Checks,
        census: Census,
    ) -> None:
        self.clock, self.deployment = clock, deployment
        self.desired = 0
        self.replicas: list[Replica] = []
        self._api, self._scheduler, self._kubelet, self._rotation = api, scheduler, kubelet, rotation
        self._checks, self._census = checks, census
        self._created = self._generation = 0

    @property
    def active(self) -> list[Replica]:
        """Pods that count: all but those being deleted, oldest first."""
        return [replica for replica in self.replicas if not replica.deleting]

    def begin(self, replicas: int) -> None:
        """These pods have been in rotation since just now, but for those that no node has room for."""

        def bound(replica: Replica) -> None:
            if self.clock.now > replica.created_s:
                self._start(replica)
                return
            self._kubelet.run_since_long(replica)
            self._rotation.bring_in(replica, new=False)

        self._want(replicas)
        for _ in range(replicas):
            self._scheduler.submit(self._new(), bound)

    def scale(self, desired: int) -> None:
        """From now on there should be so many pods; only while the API server is up."""
        self._want(desired)
        self._reconcile()

    def roll_out(self) -> None:
        """Replace every pod by one of a new template, as the strategy allows."""
        self._api.send(self._next_generation)

    def kill(self, replica: Replica) -> None:
        """SIGKILL a pod. The API server hears of it at once if it can, and the proxies a lag later."""
        assert replica.pod is not None
        replica.pod.kill()
        self._checks.look(replica)
        self._census.look(replica)
        self._kubelet.report(replica, lambda: self._lost(replica))

    def set_ready(self, replica: Replica, *, ready: bool) -> None:
        """A pod's node was found unreachable, or back."""
        now_s = self.clock.now
        replica.ready_since_s, replica.unready_since_s = (now_s, None) if ready else (None, now_s)
        self._readiness_changed(replica)

    def evict(self, replica: Replica) -> None:
        """Delete a pod, and replace it; only while the API server is up."""
        self._retire(replica)
        self._reconcile()

    def _next_generation(self) -> None:
        self._generation += 1
        self._reconcile()

    def _reconcile(self) -> None:
        """Only while the API server is up: what calls it has come through its gate."""
        while (step := self._next_step()) != Step():
            for replica in self._victims(step):
                self._retire(replica)
            for _ in range(step.create):
                self._scheduler.submit(self._new(), self._start)

    def _next_step(self) -> Step:
        active = self.active
        new = [replica.ready for replica in active if replica.generation == self._generation]
        old = [replica.ready for replica in active if replica.generation < self._generation]
        owner = self.deployment
        surge, unavailable = allowance(owner.max_surge, owner.max_unavailable, self.desired)
        return next_step(self.desired, surge, unavailable, Counts(len(new), sum(new), len(old), sum(old)))

    def _victims(self, step: Step) -> list[Replica]:
        if step.create:
            return []
        ordered = deletion_order(self.active, self.clock.now)
        new = [replica for replica in ordered if replica.generation == self._generation]
        old = [replica for replica in ordered if replica.generation < self._generation]
        old.sort(key=lambda replica: (replica.ready, replica.generation))
        return new[: step.delete_new] + old[: step.delete_old]

    def _want(self, desired: int) -> None:
        self.desired = desired
        self._census.want(self.deployment.name, desired)

    def _new(self) -> Replica:
        replica = Replica(self.deployment, self._created, self.clock.now, self._generation)
        self._created += 1
        self.replicas.append(replica)
        return replica

    def _start(self, replica: Replica) -> None:
        self._kubelet.start(replica, lambda: self._readiness_changed(replica))

    def _readiness_changed(self, replica: Replica) -> None:
        self._census.look(replica)
        self._rotation.follow_later(replica)
        if self._generation:
            self._reconcile()

    def _retire(self, replica: Replica) -> None:
        """Drained at once; its process ends when its node says so."""
        replica.deleting = True
        self._census.look(replica)
        self._rotation.follow(replica)
        if replica.node is None:
            self._scheduler.withdraw(replica)
            self.replicas.remove(replica)
        else:
            replica.node.active[self.deployment.name] -= 1
            self._kubelet.terminate(replica, lambda: self._gone(replica))

    def _gone(self, replica: Replica) -> None:
        if replica in self.replicas:
            self.replicas.remove(replica)
            self._scheduler.release(replica)

    def _lost(self, replica: Replica) -> None:
        if replica in self.replicas:
            assert replica.node is not None
            replica.ready_since_s = None
            if not replica.deleting:
                replica.node.active[self.deployment.name] -= 1
            self._gone(replica)
            self._rotation.follow_later(replica)
            self._reconcile()

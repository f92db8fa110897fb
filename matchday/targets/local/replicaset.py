"""A Deployment on the local target: keeps as many pods alive as it is told to, and retires them gently."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from balancer.policy.objects import Endpoint
from balancer.policy.podview import deletion_rank
from matchday.errors import EnvironmentFailedError
from matchday.targets.local.pod import Pod, PodTemplate

_DRAIN_POLL_S = 0.05
_MAX_EARLY_DEATHS = 3


class Rotation(Protocol):
    """What a replica set needs of the proxy's side."""

    def update(self) -> None:
        """Bring the proxy in line with the endpoints as they are now."""

    def note_replicas(self) -> None:
        """Replica counts may have changed."""

    def is_idle(self, pod: str) -> bool:
        """Whether no request of any proxy is in flight on that pod."""


class ReplicaSet:
    """The pods of one Deployment; `history` holds all it ever had.

    Pods die and are replaced; a pod that dies three times in a row before it was ever ready ends the run, since
    a Deployment that cannot start would only crash-loop.
    """

    def __init__(
        self,
        template: PodTemplate,
        addresses: Iterator[str],
        seeds: Iterator[int],
        rotation: Rotation,
        event: Callable[..., None],
    ) -> None:
        self.template = template
        self.pods: list[Pod] = []
        self.history: list[Pod] = []
        self.desired = 0
        self.decision_lags_s: list[float] = []
        self.unexpected_deaths: list[str] = []
        self.probe_period_s: float | None = None
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._addresses, self._seeds, self._rotation, self._event = addresses, seeds, rotation, event
        self._count = 0
        self._early_deaths = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def active(self) -> list[Pod]:
        """Pods that count: all but those being deleted."""
        return [pod for pod in self.pods if not pod.deleting]

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Pods the proxy must know: in service, or draining."""
        return tuple(pod.endpoint() for pod in self.pods if pod.ready_since is not None)

    def scale(self, desired: int, *, due: float) -> None:
        """Start or retire pods until `desired` remain; `due` is the moment the decision was due (monotonic)."""
        self.desired = desired
        excess = len(self.active) - desired
        for pod in deletion_order(self.active, time.monotonic())[: max(0, excess)]:
            pod.deleting = True
            self._spawn(self._retire(pod))
        for _ in range(-excess):
            self._count += 1
            pod = Pod(
                self.template, f"{self.template.deployment}-{self._count}", next(self._addresses), next(self._seeds)
            )
            self.pods.append(pod)
            self.history.append(pod)
            self._spawn(self._live(pod, due))
        self._rotation.update()

    async def stop(self) -> None:
        """End every pod without waiting for requests, and every task of ours."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(pod.stop(grace_s=1.0) for pod in self.pods))
        self.pods.clear()

    def _spawn(self, work: asyncio.Future[None] | object) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or self.failure.done():
            return
        error = task.exception()
        if error is not None:
            self.failure.set_exception(error)

    async def _live(self, pod: Pod, due: float) -> None:
        await pod.start()
        assert pod.child is not None
        assert pod.started is not None
        if pod.deleting:
            await pod.stop()
            return
        self.decision_lags_s.append(max(0.0, pod.started - due - self.template.start_delay_s))
        self._event("pod", f"{pod.name} started on {pod.address}:{pod.port}", pod=pod.name)
        watcher = asyncio.ensure_future(pod.watch_readiness(self._readiness_changed, period_s=self.probe_period_s))
        try:
            await pod.child.process.wait()
        finally:
            watcher.cancel()
        if not pod.deleting:
            self._replace(pod)

    def _readiness_changed(self, pod: Pod) -> None:
        if pod.ready_since is None:
            self._event("pod", f"{pod.name} is no longer ready", pod=pod.name)
            self._rotation.update()
            return
        self._early_deaths = 0
        self._rotation.update()
        pod.in_rotation_since = time.monotonic()
        pod.rotation_lag_s = pod.in_rotation_since - pod.ready_since
        self._rotation.note_replicas()
        assert pod.started is not None
        self._event(
            "pod", f"{pod.name} in rotation {pod.in_rotation_since - pod.started:.2f} s after its start", pod=pod.name
        )

    def _replace(self, pod: Pod) -> None:
        assert pod.child is not None
        death = pod.child.death()
        self._event("pod", f"{pod.name} died ({death}); its Deployment starts another", pod=pod.name)
        if not pod.killed_on_purpose:
            self.unexpected_deaths.append(f"pod {pod.name} died ({death})")
        if pod.ready_since is None:
            self._early_deaths += 1
            if self._early_deaths >= _MAX_EARLY_DEATHS:
                raise EnvironmentFailedError(
                    f"{self.template.deployment}: {_MAX_EARLY_DEATHS} pods in a row died before they were ready "
                    f"({death}); see {self.template.log}"
                )
        pod.deleting = True
        self.pods.remove(pod)
        self.scale(self.desired, due=time.monotonic())

    async def _retire(self, pod: Pod) -> None:
        """Drained first (`scale` has updated the proxy), then SIGTERM once idle or out of grace."""
        deadline = time.monotonic() + self.template.grace_s
        while pod.ready_since is not None and time.monotonic() < deadline and not self._rotation.is_idle(pod.name):
            await asyncio.sleep(_DRAIN_POLL_S)
        if pod in self.pods:
            self.pods.remove(pod)
        self._rotation.update()
        await pod.stop()
        self._event("pod", f"{pod.name} retired", pod=pod.name)


def deletion_order(pods: list[Pod], now: float) -> list[Pod]:
    """Which pods a scale-down takes first."""
    return sorted(pods, key=lambda pod: deletion_rank(pod.ready_since, pod.created, now))

"""A pod of the local target: a process on a loopback address, from its start to its end."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from balancer.policy.objects import Endpoint, Probe
from matchday.targets.local.child import Child
from matchday.targets.local.probe import probe_once


@dataclass(frozen=True)
class PodTemplate:
    """What all pods of a Deployment have in common. `command` has `{host}`, `{port}` and `{seed}` still to fill in."""

    deployment: str
    command: tuple[str, ...]
    port: int
    probe: Probe
    grace_s: float
    start_delay_s: float
    log: Path


class Pod:
    """One pod. Times are `time.monotonic()` seconds, None until the moment has come."""

    def __init__(self, template: PodTemplate, name: str, address: str, seed: int) -> None:
        self.template = template
        self.name = name
        self.address = address
        self.seed = seed
        self.child: Child | None = None
        self.created = time.monotonic()
        self.started: float | None = None
        self.ready_since: float | None = None
        self.in_rotation_since: float | None = None
        self.startup_s: float | None = None
        self.rotation_lag_s: float | None = None
        self.deleting = False
        self.killed_on_purpose = False

    @property
    def ready(self) -> bool:
        """Ready, and not on its way out."""
        return self.ready_since is not None and not self.deleting

    @property
    def in_rotation(self) -> bool:
        """Ready, and known to the proxy."""
        return self.in_rotation_since is not None and self.ready

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self.template.port

    def endpoint(self) -> Endpoint:
        """What the controller is told of it."""
        return Endpoint(self.name, self.address, self.port, serving=self.ready)

    async def start(self) -> None:
        """Start the process after the cluster's declared delay."""
        await asyncio.sleep(self.template.start_delay_s)
        fill = {"host": self.address, "port": str(self.port), "seed": str(self.seed)}
        command = [_fill(word, fill) for word in self.template.command]
        with self.template.log.open("ab") as log:
            self.child = await Child.start(self.name, command, log=log)
        self.started = time.monotonic()

    async def watch_readiness(self, on_change: Callable[[Pod], None], *, period_s: float | None = None) -> None:
        """Probe on the grid start + initialDelaySeconds + j * periodSeconds until the process ends.

        `period_s` replaces the manifest's period when a finer clock is wanted (calibration).
        """
        assert self.child is not None
        assert self.started is not None
        probe = self.template.probe
        period = period_s or probe.period_s
        successes = failures = 0
        next_probe = self.started + probe.initial_delay_s
        while self.child.running and not self.deleting:
            await asyncio.sleep(max(0.0, next_probe - time.monotonic()))
            if await probe_once(probe, self.address, self.port):
                successes, failures = successes + 1, 0
            else:
                successes, failures = 0, failures + 1
            if self.ready_since is None and successes >= probe.success_threshold:
                self.ready_since = time.monotonic()
                self.startup_s = self.ready_since - self.started
                period = probe.period_s
                on_change(self)
            elif self.ready_since is not None and failures >= probe.failure_threshold:
                self.ready_since = self.in_rotation_since = None
                on_change(self)
            next_probe += period * max(1, int((time.monotonic() - next_probe) / period))

    def kill(self) -> None:
        """SIGKILL, as a node failure would; nobody is to be surprised by this death."""
        assert self.child is not None
        self.killed_on_purpose = True
        self.child.signal(signal.SIGKILL)

    async def stop(self, grace_s: float | None = None) -> None:
        """SIGTERM and, when the grace period is over, SIGKILL."""
        if self.child is not None:
            await self.child.stop(self.template.grace_s if grace_s is None else grace_s)


def _fill(word: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(f"{{{name}}}", value)
    return word

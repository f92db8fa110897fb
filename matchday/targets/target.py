"""What a rehearsal needs of the place it runs in. Two there are: processes of this machine, and a Kubernetes cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from matchday.display import Display
from matchday.rundir import RunDirectory
from scenarios.load import LoadedScenario
from scenarios.schema import Slow

# (monotonic, desired, ready, in rotation), from that moment on
Change = tuple[float, int, int, int]


@dataclass(frozen=True)
class Starts:
    """What pod starts taught, a sample a start, in seconds: the fields of `scenarios.calibration.Calibration`."""

    startup_s: tuple[float, ...]
    rotation_lag_s: tuple[float, ...]
    decision_lag_s: tuple[float, ...]


@dataclass(frozen=True)
class Cpu:
    """CPU seconds that the proxies and the scenario's pods used."""

    proxy_s: float
    pods_s: float


class Meter(Protocol):
    """Counts CPU from the moment it was made."""

    async def read(self) -> Cpu:
        """What was used until now."""


class Target(Protocol):
    """A running scenario: proxies, pods, an autoscaler that is off until `control`."""

    changes: list[Change]

    @property
    def loaded(self) -> LoadedScenario:
        """The scenario as it is run here, with this cluster's own timing; the prediction is made of it."""

    @property
    def address(self) -> str:
        """Where load goes, HOST:PORT."""

    @property
    def proxy_log(self) -> Path:
        """A file that grows by the proxies' log lines."""

    async def unless_it_fails(self, work: Coroutine[None, None, None], *helpers: asyncio.Future[None]) -> None:
        """Do `work` to its end; raise at once when the target or a helper fails."""

    async def start_extra_pods(self, tell: Callable[[str], None]) -> None:
        """Rounds of pods beyond those in service and back, to learn from; `tell` hears what is going on."""

    async def idle_cores(self) -> float:
        """CPU of one pod that serves nothing but its probes."""

    def starts(self) -> Starts:
        """What all pod starts so far taught."""

    def pod_count(self) -> int:
        """Pods there are, those on their way out included."""

    async def meter(self) -> Meter:
        """Count CPU from now on."""

    def calibrated(self) -> None:
        """Calibration is over; what was watched more finely for it is so no more."""

    def surge_begins(self) -> None:
        """Forget earlier changes of replicas and note where they stand."""

    async def control(self, epoch: float) -> None:
        """Let the autoscaler work from `epoch` (monotonic) on; never returns."""

    async def settle(self) -> None:
        """Wait until the proxies' log is whole."""

    async def kill(self, count: int) -> list[str]:
        """End the `count` oldest pods without notice; their names."""

    async def slow(self, slow: Slow) -> list[str]:
        """Turn the oldest pods slow for a while; their names."""

    def surprises(self) -> list[str]:
        """What happened that no prediction could know of, a line each."""


class Choice(Protocol):
    """A kind of target as the user chose it, before it runs."""

    def refuse(self, loaded: LoadedScenario) -> None:
        """ScenarioError for all in a scenario that this target cannot do."""

    def start(
        self, loaded: LoadedScenario, run: RunDirectory, seed: int, display: Display
    ) -> AbstractAsyncContextManager[Target]:
        """Bring it up until every pod is in rotation; on the way out, all of it is removed."""


async def guarded(
    work: Coroutine[None, None, None], guard: Coroutine[None, None, None], *helpers: asyncio.Future[None]
) -> None:
    """Do `work` to its end; raise at once what `guard`, which never returns, or a helper raises."""
    watched = [asyncio.ensure_future(work), asyncio.ensure_future(guard), *helpers]
    try:
        done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in watched[:2]:
            task.cancel()
        await asyncio.gather(*watched[:2], return_exceptions=True)

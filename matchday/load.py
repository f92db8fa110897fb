"""Drives the load generator, a process of its own, and hears its progress."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from matchday.errors import EnvironmentFailedError
from matchday.rundir import RunDirectory
from matchday.targets.local.child import Child
from scenarios.load import LoadedScenario
from scenarios.traffic import Schedule, save_schedule

# How long before the first intended request the generator is started: importing Locust takes about a second.
LEAD_S = 4.0
_OVERTIME_S = 30.0


@dataclass(frozen=True)
class Progress:
    """What the generator said last; `lag_p99_s` is its own lateness."""

    t_s: float
    sent: int
    ok: int
    failed: int
    rate_rps: float
    p95_s: float | None


class Load:
    """One run of the generator over one schedule. `epoch` is the schedule's first moment (monotonic)."""

    def __init__(self, run: RunDirectory, name: str, child: Child, epoch: float, duration_s: float) -> None:
        self.child, self.epoch, self.duration_s = child, epoch, duration_s
        self.records = run.path / f"{name}-records.csv"
        self.stats = run.path / f"{name}-stats.json"

    @classmethod
    async def start(
        cls, run: RunDirectory, name: str, loaded: LoadedScenario, schedule: Schedule, target: str, seed: int
    ) -> Load:
        """Start the generator so that the schedule begins LEAD_S from now."""
        schedule_path = run.path / f"{name}-schedule.npz"
        save_schedule(schedule, schedule_path)
        epoch = time.monotonic() + LEAD_S
        command = [sys.executable, "-m", "loadgen", "run", "--scenario", str(loaded.directory), "--seed", str(seed)]
        command += ["--schedule", str(schedule_path), "--target", target, "--epoch", repr(epoch)]
        command += ["--records", str(run.path / f"{name}-records.csv"), "--stats", str(run.path / f"{name}-stats.json")]
        if not target.startswith("127."):
            command.append("--owned")  # whoever chose the target has seen to that
        with (run.path / "loadgen.log").open("ab") as log:
            child = await Child.start("load generator", command, log=log, stdout=asyncio.subprocess.PIPE)
        return cls(run, name, child, epoch, schedule.duration_s)

    async def finish(self, on_progress: Callable[[Progress], None]) -> None:
        """Wait for its end, passing progress on. EnvironmentFailedError when it dies or does not end."""
        try:
            async with asyncio.timeout(self.epoch + self.duration_s + _OVERTIME_S - time.monotonic()):
                await self._read(on_progress)
                code = await self.child.process.wait()
        except TimeoutError as error:
            raise EnvironmentFailedError(
                f"the load generator did not end {_OVERTIME_S:.0f} s after its last request"
            ) from error
        if code != 0:
            raise EnvironmentFailedError(
                f"the load generator died ({self.child.death()}) {time.monotonic() - self.epoch:.1f} s into its schedule"
            )

    async def stop(self) -> None:
        """Have it flush what it measured, and end."""
        await self.child.stop(grace_s=3.0)

    async def _read(self, on_progress: Callable[[Progress], None]) -> None:
        stdout = self.child.process.stdout
        assert stdout is not None
        while line := await stdout.readline():
            progress = heard(line)
            if progress is not None:
                on_progress(progress)


def heard(line: bytes) -> Progress | None:
    """One line of the generator's; None when it is no progress."""
    try:
        said = json.loads(line)
        return Progress(**{name: said[name] for name in Progress.__dataclass_fields__})
    except (ValueError, KeyError, TypeError):
        return None

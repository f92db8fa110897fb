"""Drives the load generator, a process of its own, and hears its progress."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from loadgen.abort import Abort
from loadgen.address import host_and_port
from loadgen.errors import LoadError
from loadgen.seatbelt import slow_enough
from matchday.errors import EnvironmentFailedError
from matchday.rundir import RunDirectory
from matchday.targets.local.child import Child
from scenarios.errors import ScenarioError
from scenarios.load import LoadedScenario
from scenarios.traffic import Schedule, save_schedule

_READY_S = 90.0
_OVERTIME_S = 30.0
_BAD_INPUT = 2


@dataclass(frozen=True)
class Driving:
    """How the load is driven: from so many worker processes, or from one process alone when there are none.

    `abort_on` (SHARE:SECONDS) is when it is given up, `live` (HOST:PORT) where it is shown; an `owned` target may be
    elsewhere than on loopback.
    """

    processes: int = 0
    abort_on: str | None = None
    max_rps: float | None = None
    live: str | None = None
    owned: bool = False

    def check(self, schedule: Schedule) -> None:
        """ScenarioError for what the generator would refuse, before anything is started."""
        try:
            slow_enough(schedule, self.max_rps)
            if self.abort_on is not None:
                Abort.parse(self.abort_on)
            if self.live is not None:
                host_and_port("--live", self.live)
        except LoadError as error:
            raise ScenarioError(str(error)) from None

    def words(self, run: RunDirectory) -> list[str]:
        """The generator's words for it."""
        words = ["--owned"] if self.owned else []
        words += ["--processes", str(self.processes)] if self.processes else []
        words += ["--abort-on", self.abort_on] if self.abort_on is not None else []
        words += ["--max-rps", repr(self.max_rps)] if self.max_rps is not None else []
        return words + (["--live", self.live, "--run", str(run.path)] if self.live is not None else [])


@dataclass(frozen=True)
class Progress:
    """What the generator said last: counts since the start, rate and p95 of the last second."""

    t_s: float
    sent: int
    ok: int
    failed: int
    rate_rps: float
    p95_s: float | None
    phase: str


class Load:
    """One run of the generator over one schedule. `epoch` is the schedule's first moment (monotonic)."""

    def __init__(self, run: RunDirectory, name: str, child: Child, epoch: float, duration_s: float) -> None:
        self.child, self.epoch, self.duration_s = child, epoch, duration_s
        self.records = run.path / f"{name}.records"
        self.stats = run.path / f"{name}-stats.json"

    @classmethod
    async def start(
        cls,
        run: RunDirectory,
        name: str,
        loaded: LoadedScenario,
        schedule: Schedule,
        target: str,
        seed: int,
        driving: Driving,
    ) -> Load:
        """Start the generator and wait until it is about to send.

        ScenarioError when it refuses what it was asked, EnvironmentFailedError when it dies or is never ready.
        """
        schedule_path = run.path / f"{name}-schedule.npz"
        save_schedule(schedule, schedule_path)
        command = [sys.executable, "-m", "loadgen", "run", "--scenario", str(loaded.directory), "--seed", str(seed)]
        command += ["--schedule", str(schedule_path), "--target", target, *driving.words(run)]
        command += ["--records", str(run.path / f"{name}.records"), "--stats", str(run.path / f"{name}-stats.json")]
        log_path = run.path / "loadgen.log"
        with log_path.open("ab") as log:
            start = log.tell()
            child = await Child.start("load generator", command, log=log, stdout=asyncio.subprocess.PIPE)
        try:
            async with asyncio.timeout(_READY_S):
                epoch = await _epoch(child)
        except TimeoutError:
            await child.stop(grace_s=1.0)
            raise EnvironmentFailedError(f"the load generator was not ready after {_READY_S:.0f} s") from None
        except asyncio.CancelledError:
            await child.stop(grace_s=1.0)
            raise
        if epoch is None:
            code, said = await child.process.wait(), log_path.read_bytes()[start:].decode(errors="replace").strip()
            if code == _BAD_INPUT and said:
                raise ScenarioError(said)
            raise EnvironmentFailedError(f"the load generator died before its first request ({child.death()}): {said}")
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
        await self.child.stop(grace_s=6.0)

    async def _read(self, on_progress: Callable[[Progress], None]) -> None:
        stdout = self.child.process.stdout
        assert stdout is not None
        while line := await stdout.readline():
            progress = heard(line)
            if progress is not None:
                on_progress(progress)


async def _epoch(child: Child) -> float | None:
    """The schedule's first moment, as the generator announces it; None when it ended without a word."""
    stdout = child.process.stdout
    assert stdout is not None
    while line := await stdout.readline():
        try:
            return float(json.loads(line)["epoch"])
        except (ValueError, KeyError, TypeError):
            continue
    return None


def heard(line: bytes) -> Progress | None:
    """One line of the generator's; None when it is no progress."""
    try:
        said = json.loads(line)
        return Progress(**{name: said[name] for name in Progress.__dataclass_fields__})
    except (ValueError, KeyError, TypeError):
        return None

"""One run on a target from start to report, whatever happens on the way.

The stages run inside one event loop; an error, a signal or Ctrl-C ends them, and `conclude` then makes the
comparison and the report of whatever the stages left in the run directory.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import signal
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from loadgen.histograms import export
from loadgen.observe import unix_s
from loadgen.records import read_rows
from matchday.calibrate import calibrate
from matchday.display import Display
from matchday.errors import EnvironmentFailedError, InterruptedRunError
from matchday.load import Driving
from matchday.measure import measured_outcome
from matchday.report.record import read_model
from matchday.rundir import RunDirectory
from matchday.surge import drive_surge
from matchday.targets.target import Choice, Target
from scenarios.calibration import Calibration
from scenarios.errors import ScenarioError
from scenarios.load import LoadedScenario
from scenarios.outcome import Outcome
from scenarios.traffic import build_schedule
from sim.predict import predict

T = TypeVar("T")


@dataclass(frozen=True)
class Rehearsal:
    """What to run: a scenario, its seed, and where."""

    loaded: LoadedScenario
    seed: int
    replications: int
    run: RunDirectory
    choice: Choice
    display: Display
    driving: Driving = field(default_factory=Driving)

    def calibrate(self) -> Calibration:
        """Bring the target up, measure it at low load, take it down."""
        return until_signalled(self._calibrate())

    def rehearse(self, given: Calibration | None) -> None:
        """All stages, with this calibration or a fresh one; raises what ended it early."""
        until_signalled(self._rehearse(given))

    async def _calibrate(self) -> Calibration:
        async with self._target() as target:
            return await self._calibrated(target)

    def _target(self) -> contextlib.AbstractAsyncContextManager[Target]:
        self._enter("start", "proxies and the first pods")
        return self.choice.start(self.loaded, self.run, self.seed, self.display)

    def _enter(self, stage: str, text: str) -> None:
        self.run.status(stage)
        self.run.event("stage", f"{stage}: {text}")

    async def _calibrated(self, target: Target) -> Calibration:
        self._enter("calibrate", "low load")
        calibration = await calibrate(target, self.run, self.seed, self.display)
        self.run.write_model("calibration.json", calibration)
        return calibration

    async def _rehearse(self, given: Calibration | None) -> None:
        async with self._target() as target:
            if given is None:
                given = await self._calibrated(target)
            else:
                self.run.write_model("calibration.json", given)
            self._enter("predict", f"{self.replications} simulated futures")
            await self._predict(target.loaded, given)
            self._enter("surge", "the real one")
            schedule = build_schedule(self.loaded, self.seed)
            surge = await drive_surge(target, self.run, schedule, self.seed, self.driving, self.display)
            outcome = measured_outcome(target, surge, schedule, self.seed, given)
            self.run.write_model("measurement.json", outcome)
            requests = self.loaded.scenario.traffic.requests
            paths, epoch_unix_s = [request.path for request in requests], unix_s(surge.load.epoch)
            export(self.run.path / "surge", read_rows(surge.load.records), paths, schedule.phases, epoch_unix_s)
            if surge.failure is not None:
                raise surge.failure

    async def _predict(self, loaded: LoadedScenario, calibration: Calibration) -> None:
        """Simulate in worker processes while this loop keeps watching; write the answer and its hash."""
        stop = threading.Event()
        with self.display.stage("predict", f"{self.replications} simulated futures of the surge") as stage:

            def done(count: int) -> None:
                if stop.is_set():
                    raise InterruptedRunError("interrupted")
                stage.update(count / self.replications, f"{count} of {self.replications}")

            work = asyncio.to_thread(
                predict,
                loaded,
                seed=self.seed,
                replications=self.replications,
                calibration=calibration,
                same_arrivals=True,
                progress=done,
                created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            )
            try:
                prediction = await work
            finally:
                stop.set()
        self._freeze(prediction)

    def _freeze(self, prediction: Outcome) -> None:
        path = self.run.write_model("prediction.json", prediction)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self.run.write_text("prediction.sha256", f"{digest}  prediction.json\n")
        self.run.event("stage", f"prediction frozen: {digest}", sha256=digest)
        self.display.say(f"prediction frozen before the first surge request: sha256 {digest}")


def until_signalled(work: Coroutine[None, None, T]) -> T:
    """Run in an event loop; SIGINT, SIGTERM and SIGHUP cancel it, which comes out as InterruptedRunError.

    What the operating system refuses on the way (a full disk, too many processes) is EnvironmentFailedError.
    """

    async def guarded() -> T:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)
        return await work

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError as error:
        raise InterruptedRunError(
            "interrupted; what was measured is kept, every process of the run has been ended"
        ) from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise EnvironmentFailedError(f"{where}{error.strerror or error}") from error


def given_calibration(path: Path, loaded: LoadedScenario) -> Calibration:
    """A calibration file that fits the scenario; ScenarioError when it cannot be read or is of another scenario."""
    calibration = read_model(path, Calibration)
    if calibration.scenario_sha256 != loaded.sha256:
        raise ScenarioError(
            f"{path}: scenario_sha256: {calibration.scenario_sha256[:12]}: a calibration of this scenario as it is now, "
            f"{loaded.sha256[:12]}"
        )
    return calibration

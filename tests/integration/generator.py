"""`python -m loadgen run` over a schedule of a test's own."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from loadgen.records import Rows, read_rows
from scenarios.traffic import PhaseSpan, Schedule, save_schedule

ROOT = Path(__file__).parents[2]
QUICK = ROOT / "scenarios" / "quick"


class Generator:
    """One run, from its start; `epoch` is known once it is about to send."""

    def __init__(
        self,
        directory: Path,
        times_s: NDArray[np.float64],
        target: str,
        *words: str,
        phases: tuple[PhaseSpan, ...] = (),
        request: dict[str, Any] | None = None,
        core: int | None = None,
        limits: str = "",
        inside: Sequence[str] = (),
    ) -> None:
        directory.mkdir(exist_ok=True)
        scenario = directory / "scenario"
        scenario.mkdir(exist_ok=True)
        (scenario / "app.yaml").write_text((QUICK / "app.yaml").read_text())
        document = yaml.safe_load((QUICK / "scenario.yaml").read_text())
        document["traffic"]["requests"][0].update(request or {})
        (scenario / "scenario.yaml").write_text(yaml.safe_dump(document))
        n, end_s = len(times_s), float(times_s[-1]) + 0.01 if len(times_s) else 1.0
        zeros = np.zeros(n, np.int32)
        phases = phases or (PhaseSpan("all", 0.0, end_s, surge=True),)
        schedule = Schedule(times_s, zeros, np.zeros(n, np.int64), zeros, phases, max(end_s, phases[-1].end_s))
        save_schedule(schedule, directory / "schedule.npz")
        self.records, self.stats_file = directory / "records", directory / "stats.json"
        command = [sys.executable, "-m", "loadgen", "run", "--scenario", str(scenario), "--seed", "1", *words]
        command += ["--schedule", str(directory / "schedule.npz"), "--target", target]
        command += ["--records", str(self.records), "--stats", str(self.stats_file)]
        if core is not None:
            command = ["taskset", "-c", str(core), *command]
        if limits:
            command = ["prlimit", limits, *command]
        command = [*inside, *command]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.epoch = float(json.loads(self.process.stdout.readline())["epoch"])

    def end(self, timeout_s: float = 60.0) -> tuple[Rows, dict[str, Any]]:
        """Rows in order of the schedule, and stats, of a run that ends by itself or was told to."""
        self.process.communicate(timeout=timeout_s)
        assert self.process.returncode == 0
        return np.sort(read_rows(self.records), order="index"), json.loads(self.stats_file.read_text())

    def kill(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait()


def children(pid: int) -> Sequence[int]:
    """Process ids of its children."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]

"""`matchday calibrate`: bring the target up, measure it at low load, take it down."""

from __future__ import annotations

from pathlib import Path

from matchday.display import Display
from matchday.rehearsal import Rehearsal
from matchday.rundir import RunDirectory
from matchday.targets.target import Choice
from scenarios.load import load_scenario


def run(path: Path, choice: Choice, *, seed: int | None, out: Path | None, as_json: bool) -> int:
    """Write calibration.json into a run directory and say what was learnt."""
    loaded = load_scenario(path)
    choice.refuse(loaded)
    display = Display(as_json=as_json)
    directory = RunDirectory.create(loaded, out)
    chosen = loaded.scenario.seed if seed is None else seed
    rehearsal = Rehearsal(loaded, chosen, replications=1, run=directory, choice=choice, display=display)
    try:
        calibration = rehearsal.calibrate()
    finally:
        directory.close()
    if as_json:
        print(calibration.model_dump_json(indent=1))
    for name, learnt in calibration.paths.items():
        mean_s = sum(learnt.service_s) / len(learnt.service_s)
        display.say(
            f"{name}: {mean_s * 1000:.1f} ms in the pod on average of {len(learnt.service_s)} requests, "
            f"{learnt.cpu_s * 1000:.2f} ms CPU each"
        )
    display.say(f"start-up: {calibration.startup_s[0]:.2f} to {calibration.startup_s[-1]:.2f} s")
    display.say(f"{directory.path / 'calibration.json'}  sha256 {calibration.sha256()}")
    return 0

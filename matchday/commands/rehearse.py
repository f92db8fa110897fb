"""`matchday rehearse`: calibrate, predict and freeze, drive the surge, compare, report."""

from __future__ import annotations

from pathlib import Path

from matchday.conclude import conclude
from matchday.display import Display
from matchday.load import Driving
from matchday.rehearsal import Rehearsal, given_calibration
from matchday.rundir import RunDirectory
from matchday.targets.target import Choice
from scenarios.load import load_scenario
from scenarios.traffic import build_schedule


def run(
    path: Path,
    choice: Choice,
    driving: Driving,
    *,
    seed: int | None,
    replications: int,
    out: Path | None,
    calibration: Path | None,
    as_json: bool,
) -> int:
    """Run the whole loop; 0 when the measured SLO was met, 1 when it was not."""
    loaded = load_scenario(path)
    choice.refuse(loaded)
    used_seed = loaded.scenario.seed if seed is None else seed
    driving.check(build_schedule(loaded, used_seed))
    given = None if calibration is None else given_calibration(calibration, loaded)
    display = Display(as_json=as_json)
    directory = RunDirectory.create(loaded, out)
    rehearsal = Rehearsal(
        loaded=loaded,
        seed=used_seed,
        replications=replications,
        run=directory,
        choice=choice,
        display=display,
        driving=driving,
    )
    failure: Exception | None = None
    try:
        rehearsal.rehearse(given)
    except Exception as error:  # noqa: BLE001 - whatever ended the run, what it measured is concluded first
        failure = error
    return conclude(directory, display, failure, as_json=as_json)

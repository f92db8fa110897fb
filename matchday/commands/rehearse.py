"""`matchday rehearse`: calibrate, predict and freeze, drive the surge, compare, report."""

from __future__ import annotations

from pathlib import Path

from matchday.display import Display
from matchday.freeze import freeze_prediction
from matchday.rehearsal import Rehearsal
from matchday.rundir import RunDirectory
from scenarios.load import load_scenario


def run(
    path: Path,
    *,
    seed: int | None,
    replications: int,
    out: Path | None,
    haproxy: Path | None,
    calibration: Path | None,
    as_json: bool,
) -> int:
    """Run the whole loop; 0 when the measured SLO was met, 1 when it was not."""

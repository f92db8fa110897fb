import asyncio
import os
import signal
from pathlib import Path

import pytest

from matchday.errors import EnvironmentFailedError, InterruptedRunError
from matchday.rehearsal import given_calibration, until_signalled
from scenarios.calibration import Calibration, PathCalibration
from scenarios.errors import ScenarioError
from scenarios.load import load_scenario

QUICK = load_scenario(Path(__file__).parents[2] / "scenarios" / "quick")


def made(sha256: str) -> Calibration:
    return Calibration(
        scenario="quick",
        scenario_sha256=sha256,
        seed=1,
        created_at="2026-01-01T00:00:00+00:00",
        duration_s=1.0,
        paths={"/live": PathCalibration(service_s=(0.05,), cpu_s=0.001)},
        outside_s=(0.001,),
        startup_s=(2.0,),
        rotation_lag_s=(0.001,),
        decision_lag_s=(0.001,),
        idle_cores=0.0,
    )


def test_a_calibration_of_this_very_scenario_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(made(QUICK.sha256).model_dump_json(indent=1))
    assert given_calibration(path, QUICK) == made(QUICK.sha256)


def test_a_calibration_of_a_scenario_since_changed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(made("0" * 64).model_dump_json(indent=1))
    with pytest.raises(ScenarioError, match="scenario_sha256: 000000000000: a calibration of this scenario"):
        given_calibration(path, QUICK)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels_and_lets_clean_up(number: signal.Signals) -> None:
    cleaned = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(30)
        finally:
            cleaned.append(True)

    with pytest.raises(InterruptedRunError, match="interrupted"):
        until_signalled(work())
    assert cleaned == [True]


def test_a_full_disk_is_one_sentence() -> None:
    async def work() -> None:
        raise OSError(28, "No space left on device", "runs/x/surge-schedule.npz")

    with pytest.raises(EnvironmentFailedError, match=r"^runs/x/surge-schedule\.npz: No space left on device$"):
        until_signalled(work())

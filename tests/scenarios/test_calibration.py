import hashlib

import pytest
from pydantic import ValidationError

from scenarios.calibration import Calibration, PathCalibration

CALIBRATION = Calibration(
    scenario="quick",
    scenario_sha256="0" * 64,
    seed=1,
    created_at="2026-07-10T12:00:00+00:00",
    duration_s=20.0,
    paths={"/live": PathCalibration(service_s=(0.05, 0.06), cpu_s=0.002)},
    outside_s=(0.001,),
    startup_s=(2.0, 2.1),
    rotation_lag_s=(0.01,),
    decision_lag_s=(0.02,),
    idle_cores=0.001,
)


def test_the_hash_is_of_the_text_as_it_is_written() -> None:
    assert CALIBRATION.sha256() == hashlib.sha256(CALIBRATION.model_dump_json(indent=1).encode()).hexdigest()


def test_what_is_written_is_read_as_the_same() -> None:
    text = CALIBRATION.model_dump_json(indent=1)
    assert '"schema": "matchday/calibration/v1"' in text
    assert Calibration.model_validate_json(text) == CALIBRATION


def test_a_calibration_without_a_sample_is_refused() -> None:
    with pytest.raises(ValidationError):
        PathCalibration(service_s=(), cpu_s=0.0)

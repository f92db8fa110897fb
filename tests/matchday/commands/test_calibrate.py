import json
import shutil
from pathlib import Path

import pytest

from balancer.errors import HAProxyUnavailableError
from matchday.commands import calibrate
from matchday.targets.choice import OnThisMachine
from scenarios.errors import ScenarioError

QUICK = Path(__file__).parents[3] / "scenarios" / "quick"


def test_without_a_haproxy_it_says_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(HAProxyUnavailableError, match="no such file"):
        calibrate.run(QUICK, OnThisMachine(tmp_path / "none"), seed=None, out=tmp_path / "run", as_json=False)
    assert not (tmp_path / "run" / "calibration.json").exists()
    assert json.loads((tmp_path / "run" / "status.json").read_text())["stage"] == "start"


def test_what_only_the_model_can_do_starts_and_writes_nothing(tmp_path: Path) -> None:
    directory = shutil.copytree(QUICK, tmp_path / "quick")
    with (directory / "scenario.yaml").open("a") as file:
        file.write("disturbances: [{at: 30s, reload: true}]\n")
    with pytest.raises(ScenarioError, match="use matchday predict"):
        calibrate.run(directory, OnThisMachine(None), seed=None, out=tmp_path / "out", as_json=False)
    assert not (tmp_path / "out").exists()

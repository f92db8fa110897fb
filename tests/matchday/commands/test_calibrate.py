import json
from pathlib import Path

import pytest

from balancer.errors import HAProxyUnavailableError
from matchday.commands import calibrate

QUICK = Path(__file__).parents[3] / "scenarios" / "quick"


def test_without_a_haproxy_it_says_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(HAProxyUnavailableError, match="no such file"):
        calibrate.run(QUICK, seed=None, out=tmp_path / "run", haproxy=tmp_path / "none", as_json=False)
    assert not (tmp_path / "run" / "calibration.json").exists()
    assert json.loads((tmp_path / "run" / "status.json").read_text())["stage"] == "start"

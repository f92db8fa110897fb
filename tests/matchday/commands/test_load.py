import shutil
from pathlib import Path

import pytest

from matchday.commands import load
from matchday.errors import EnvironmentFailedError
from matchday.load import Driving
from scenarios.errors import ScenarioError

QUICK = Path(__file__).parents[3] / "scenarios" / "quick"
NOBODY = "127.78.3.9:9"


def run(out: Path, to: str = NOBODY, driving: Driving | None = None, path: Path = QUICK) -> int:
    return load.run(path, to, driving or Driving(), seed=None, out=out, as_json=False)


@pytest.mark.parametrize("to", ["127.78.3.9", "127.78.3.9:http", ":80", "127.78.3.9:70000"])
def test_an_address_that_is_none_is_bad_input(tmp_path: Path, to: str) -> None:
    with pytest.raises(ScenarioError, match=f"--to: {to}: HOST:PORT"):
        run(tmp_path / "out", to)


def test_a_host_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"--to: 192\.0\.2\.7:80: loopback"):
        run(tmp_path / "out", "192.0.2.7:80")


def test_a_schedule_beyond_the_highest_rate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="--max-rps: 100"):
        run(tmp_path / "out", driving=Driving(max_rps=100.0))


def test_an_abort_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="--abort-on: often"):
        run(tmp_path / "out", driving=Driving(abort_on="often"))


def test_a_server_that_is_not_there_is_said_and_nothing_written(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailedError, match=f"--to: {NOBODY}: no server there: Connection refused"):
        run(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_scenario_that_is_wrong_is_refused_first(tmp_path: Path) -> None:
    directory = shutil.copytree(QUICK, tmp_path / "quick")
    with (directory / "scenario.yaml").open("a") as file:
        file.write("no_such_key: 1\n")
    with pytest.raises(ScenarioError, match="no_such_key"):
        run(tmp_path / "out", path=directory)

import shutil
from pathlib import Path

import pytest

from matchday.commands import rehearse
from matchday.load import Driving
from matchday.targets.choice import OnThisMachine
from scenarios.errors import ScenarioError

QUICK = Path(__file__).parents[3] / "scenarios" / "quick"


def run(path: Path, out: Path, calibration: Path | None = None) -> int:
    choice = OnThisMachine(None)
    return rehearse.run(
        path, choice, Driving(), seed=None, replications=2, out=out, calibration=calibration, as_json=False
    )


def test_a_wrong_scenario_starts_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError):
        run(tmp_path / "no-such", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_calibration_of_another_scenario_starts_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text("{}")
    with pytest.raises(ScenarioError, match=r"calibration\.json"):
        run(QUICK, tmp_path / "out", tmp_path / "calibration.json")
    assert not (tmp_path / "out").exists()


def test_a_haproxy_that_is_none_ends_in_one_line_and_a_report(tmp_path: Path) -> None:
    fake = tmp_path / "haproxy"
    fake.write_text("#!/bin/sh\necho hello\n")
    fake.chmod(0o755)
    with pytest.raises(Exception, match="is not HAProxy"):
        rehearse.run(
            QUICK,
            OnThisMachine(fake),
            Driving(),
            seed=1,
            replications=2,
            out=tmp_path / "out",
            calibration=None,
            as_json=False,
        )
    assert (tmp_path / "out" / "report.html").exists()


def test_what_only_the_model_can_do_starts_and_writes_nothing(tmp_path: Path) -> None:
    directory = shutil.copytree(QUICK, tmp_path / "quick")
    with (directory / "scenario.yaml").open("a") as file:
        file.write("disturbances: [{at: 30s, reload: true}]\n")
    with pytest.raises(ScenarioError, match="use matchday predict"):
        run(directory, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("driving", "said"),
    [
        (Driving(abort_on="often"), "--abort-on: often: a share of failures"),
        (Driving(max_rps=100), "--max-rps: 100: the schedule sends"),
        (Driving(live="8089"), "--live: 8089: HOST:PORT"),
    ],
)
def test_what_the_generator_would_refuse_is_refused_before_anything_is_started(
    tmp_path: Path, driving: Driving, said: str
) -> None:
    choice, out = OnThisMachine(None), tmp_path / "out"
    with pytest.raises(ScenarioError) as raised:
        rehearse.run(QUICK, choice, driving, seed=1, replications=2, out=out, calibration=None, as_json=False)
    assert str(raised.value).startswith(said)
    assert not out.exists()

import json
from pathlib import Path

import pytest

from matchday.conclude import conclude
from matchday.display import Display
from matchday.errors import EnvironmentFailedError, InvalidRunError
from matchday.rundir import RunDirectory
from scenarios.load import load_scenario
from tests.matchday.compare.synthetic import measured, predicted

QUICK = load_scenario(Path(__file__).parents[2] / "scenarios" / "quick")


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    directory = RunDirectory.create(QUICK, tmp_path / "run")
    directory.write_model("prediction.json", predicted())
    directory.write_model("measurement.json", measured())
    return directory


def test_a_missed_slo_is_1_and_comparison_and_report_are_there(
    run: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    assert conclude(run, Display(as_json=True), None, as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["scored"] is True
    assert {"comparison.json", "report.html", "report.md"} <= {p.name for p in run.path.iterdir()}
    assert json.loads((run.path / "status.json").read_text())["finished"] is True


def test_a_met_slo_is_0(run: RunDirectory) -> None:
    good = measured().model_copy(update={"slo": measured().slo.model_copy(update={"met": True})})
    run.write_model("measurement.json", good)
    assert conclude(run, Display(as_json=False), None, as_json=False) == 0


def test_what_ended_the_run_is_raised_after_the_report(run: RunDirectory) -> None:
    with pytest.raises(EnvironmentFailedError, match="HAProxy died"):
        conclude(run, Display(as_json=False), EnvironmentFailedError("HAProxy died"), as_json=False)
    assert "HAProxy died" in (run.path / "report.html").read_text()
    assert json.loads((run.path / "status.json").read_text())["finished"] is False


def test_an_invalid_run_is_an_error_that_names_why(run: RunDirectory) -> None:
    run.write_model("measurement.json", measured("invalid"))
    with pytest.raises(InvalidRunError, match="dispatch lag"):
        conclude(run, Display(as_json=False), None, as_json=False)


def test_a_run_that_ended_before_the_surge_has_a_report_of_its_prediction(run: RunDirectory) -> None:
    (run.path / "measurement.json").unlink()
    with pytest.raises(EnvironmentFailedError):
        conclude(run, Display(as_json=False), EnvironmentFailedError("x"), as_json=False)
    assert "Will it hold?" in (run.path / "report.html").read_text()

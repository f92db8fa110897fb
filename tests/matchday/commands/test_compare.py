import json
from pathlib import Path

import pytest

from matchday.commands import compare
from matchday.errors import InvalidRunError
from scenarios.errors import ScenarioError
from tests.matchday.compare.synthetic import measured, predicted


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    (tmp_path / "prediction.json").write_text(predicted().model_dump_json())
    (tmp_path / "measurement.json").write_text(measured().model_dump_json())
    return tmp_path


def test_a_run_directory_is_scored_and_its_report_rebuilt(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.run(run_dir, None, None, as_json=False) == 1
    out = capsys.readouterr().out
    assert "latency_s.p95" in out
    assert "The SLO was missed" in out
    assert (run_dir / "report.html").exists()
    assert json.loads((run_dir / "comparison.json").read_text())["schema"] == "matchday/comparison/v1"


def test_two_files_are_scored_and_nothing_is_written(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = compare.run(None, run_dir / "prediction.json", run_dir / "measurement.json", as_json=True)
    assert code == 1
    assert json.loads(capsys.readouterr().out)["scored"] is True
    assert not (run_dir / "report.html").exists()


def test_an_invalid_run_is_exit_code_4(run_dir: Path) -> None:
    (run_dir / "measurement.json").write_text(measured("invalid").model_dump_json())
    with pytest.raises(InvalidRunError, match="not scored: dispatch lag"):
        compare.run(run_dir, None, None, as_json=True)


def test_half_of_a_pair_is_refused(run_dir: Path) -> None:
    for arguments in [(None, None, None), (None, run_dir / "prediction.json", None), (run_dir, run_dir, None)]:
        with pytest.raises(ScenarioError, match="either RUN_DIR, or both"):
            compare.run(*arguments, as_json=False)


def test_a_directory_without_results_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"measurement\.json: no such file"):
        compare.run(tmp_path, None, None, as_json=False)

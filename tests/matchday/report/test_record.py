from pathlib import Path

import pytest

from matchday.report.record import read_model, read_record
from scenarios.errors import ScenarioError
from scenarios.outcome import Outcome


def test_a_whole_run_lacks_only_what_was_never_made(run_dir: Path) -> None:
    record = read_record(run_dir)
    assert record.prediction is not None
    assert record.comparison is not None
    assert record.frozen_sha256 == record.prediction_sha256
    assert [line.split(":")[0] for line in record.absent] == ["calibration.json"]


def test_half_a_last_line_of_events_is_passed_over(run_dir: Path) -> None:
    with (run_dir / "events.jsonl").open("a") as file:
        file.write('{"t_s": 3, "kind"')
    record = read_record(run_dir)
    assert len(record.events) == 3
    assert "events.jsonl: 1 of 4 lines cannot be read" in record.absent


def test_a_missing_comparison_is_made_anew(run_dir: Path) -> None:
    (run_dir / "comparison.json").unlink()
    assert read_record(run_dir).comparison is not None


def test_a_comparison_that_cannot_be_read_is_made_anew_and_told(run_dir: Path) -> None:
    (run_dir / "comparison.json").write_text("{}")
    record = read_record(run_dir)
    assert record.comparison is not None
    assert any(line.startswith("comparison.json: ") for line in record.absent)


def test_an_empty_directory_is_a_record_of_nothing(tmp_path: Path) -> None:
    record = read_record(tmp_path)
    assert record.outcomes == ()
    assert len(record.absent) >= 3


def test_what_is_no_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="not a run directory"):
        read_record(tmp_path / "nothing")


@pytest.mark.parametrize(("text", "words"), [("", "JSON"), ("{}", "kind"), ('{"schema": 3}', "schema")])
def test_a_broken_result_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "prediction.json"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=words) as caught:
        read_model(path, Outcome)
    assert "\n" not in str(caught.value)

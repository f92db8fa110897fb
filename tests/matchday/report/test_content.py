import json
from pathlib import Path

from matchday.report.content import content
from matchday.report.record import read_record


def test_the_verdicts_come_first_and_say_held_how_sure_how_valid(run_dir: Path) -> None:
    heads = [verdict.head for verdict in content(read_record(run_dir)).verdicts]
    assert heads == ["It did not hold", "How far the prediction may be trusted", "The measurement is valid"]


def test_only_decisions_that_changed_something_are_told(run_dir: Path) -> None:
    decisions = content(read_record(run_dir)).decisions
    assert [(d.at, d.text, d.why) for d in decisions] == [("25.2 s", "live: 2 -> 4", "cpu asks for 4")]


def test_the_limits_of_the_slo_are_said_first(run_dir: Path) -> None:
    assert content(read_record(run_dir)).objective == (
        "What must hold (the SLO): over the whole run 99 % of the successful requests answered within 400 ms, "
        "and 99.5 % of all requests successful."
    )


def test_a_prediction_alone_answers_whether_it_will_hold(run_dir: Path) -> None:
    for name in ("measurement.json", "comparison.json"):
        (run_dir / name).unlink()
    said = content(read_record(run_dir))
    assert said.title == "Prediction for quick"
    assert (said.verdicts[0].head, said.verdicts[0].text) == ("Will it hold?", "None of 20 simulated futures met it.")
    assert all(cell.note for cell in said.tables[0].rows[1][2:])  # what was offered has no interval
    assert said.tables[0].caption == "As predicted"


def test_an_interrupted_run_says_so_first(run_dir: Path) -> None:
    status = {"stage": "ended early", "finished": False, "message": "HAProxy died (signal SIGKILL)"}
    (run_dir / "status.json").write_text(json.dumps(status))
    verdict = content(read_record(run_dir)).verdicts[0]
    assert (verdict.head, verdict.text) == ("The run ended early", "HAProxy died (signal SIGKILL)")


def test_a_prediction_changed_after_the_freeze_is_told(run_dir: Path) -> None:
    (run_dir / "prediction.json").write_text((run_dir / "prediction.json").read_text() + "\n")
    evidence = dict(content(read_record(run_dir)).evidence[-1].items_)
    assert "the file has changed since" in evidence["frozen prediction's SHA-256"]


def test_an_empty_directory_still_has_a_title(tmp_path: Path) -> None:
    assert content(read_record(tmp_path)).title == f"Run {tmp_path.name}"

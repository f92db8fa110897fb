"""The state behind the live page."""

import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from loadgen.live.predicted import read_predicted
from loadgen.live.replicas import ReplicaTail
from loadgen.live.view import View
from scenarios.traffic import PhaseSpan
from tests.matchday.compare.synthetic import predicted

RATE, GOOD = 100, 90


def second(t_s: float, **other: Any) -> dict[str, Any]:
    """A line of a run of 100 requests a second of which 90 are good."""
    n = int(t_s)
    line: dict[str, Any] = {"t_s": t_s, "sent": RATE * n, "done": RATE * n, "ok": GOOD * n, "failed": (RATE - GOOD) * n}
    line |= {"rate_rps": RATE, "p95_s": 0.05, "lag_p99_s": 0.001, "phase": "surge", "outstanding": 3, "workers": 2}
    return line | {"failed_ratio": 0.1} | other


def asked(view: View, cursor: str = "") -> Any:
    return json.loads(view.answer(cursor))


def test_rates_are_per_second_of_each_row() -> None:
    view = View()
    view.feed(second(1.0))
    view.feed(second(3.0))
    assert asked(view)["rows"] == [[1.0, 100.0, 90.0, 0.05, 0.1], [3.0, 100.0, 90.0, 0.05, 0.1]]


def test_a_second_without_answers_has_no_p95_and_no_ratio() -> None:
    view = View()
    view.feed(second(1.0, done=0, ok=0, p95_s=None))
    assert asked(view)["rows"] == [[1.0, 100.0, 0.0, None, None]]


def test_a_page_opened_late_gets_the_whole_past() -> None:
    view = View()
    for t in range(1, 301):
        view.feed(second(t))
    said = asked(view)
    assert [row[0] for row in said["rows"]] == list(range(1, 301))
    assert said["fresh"] is True


def test_a_cursor_gets_only_what_came_after_it() -> None:
    view = View()
    view.feed(second(1))
    cursor = asked(view)["cursor"]
    assert asked(view, cursor)["rows"] == []
    view.feed(second(2))
    view.feed(second(3))
    said = asked(view, cursor)
    assert [row[0] for row in said["rows"]] == [2, 3]
    assert said["fresh"] is False
    assert "head" not in said


def test_a_long_past_comes_in_pieces_that_do_not_stop_the_generator() -> None:
    view = View()
    for t in range(1, 1201):
        view.feed(second(t))
    pieces = [asked(view)]
    while pieces[-1]["more"]:
        pieces.append(asked(view, pieces[-1]["cursor"]))
    assert [len(piece["rows"]) for piece in pieces] == [500, 500, 200]
    assert [row[0] for piece in pieces for row in piece["rows"]] == list(range(1, 1201))
    assert [piece["fresh"] for piece in pieces] == [True, False, False]


def test_a_cursor_of_another_run_gets_everything() -> None:
    view, other = View(), View()
    view.feed(second(1))
    for t in range(1, 9):
        other.feed(second(t))
    said = asked(view, asked(other)["cursor"])
    assert said["fresh"] is True
    assert len(said["rows"]) == 1


@pytest.mark.parametrize("cursor", ["x", "..", "0.1.2", "a.b.c", "1.-1.0", "²", "9" * 5000, "<script>"])
def test_a_cursor_that_is_none_gets_everything(cursor: str) -> None:
    view = View()
    view.feed(second(1))
    assert asked(view, cursor)["rows"] == [[1.0, 100.0, 90.0, 0.05, 0.1]]
    name = asked(view)["cursor"].split(".")[0]
    for hostile in (f"{name}.²", f"{name}.²5.0", f"{name}.99999999.0", f"{name}.-1.0"):
        assert len(asked(view, hostile)["rows"]) == 1


def test_lines_before_the_first_moment_are_no_rows() -> None:
    view = View()
    view.feed(second(-1.0))
    view.feed(second(0.0))
    said = asked(view)
    assert said["rows"] == []
    assert said["now"]["t_s"] == 0.0


def test_hours_take_no_more_room_than_one_and_lose_no_request() -> None:
    view = View(most_rows=100)
    for t in range(1, 1001):
        view.feed(second(t, p95_s=0.9 if t == 500 else 0.05))
    said = asked(view)
    rows = said["rows"]
    assert 50 <= len(rows) <= 100
    assert {(row[1], row[2], row[4]) for row in rows} == {(100.0, 90.0, 0.1)}
    assert max(row[3] for row in rows) == 0.9  # a merged row tells its worst second
    spans = {round(b[0] - a[0], 3) for a, b in pairwise(rows)}
    assert len(spans) == 1


def test_a_day_of_seconds_is_less_than_a_megabyte() -> None:
    view = View()
    for t in range(1, 86_401):
        view.feed(second(t))
    columns = (view._t_s, view._p95_s, view._sent, view._done, view._ok)
    assert sum(map(sys.getsizeof, columns)) < 1 << 20
    assert len(view.answer()) < 1 << 20


def test_whoever_watches_while_rows_are_merged_starts_again() -> None:
    view = View(most_rows=10)
    for t in range(1, 10):
        view.feed(second(t))
    cursor = asked(view)["cursor"]
    view.feed(second(10))
    said = asked(view, cursor)
    assert said["fresh"] is True
    assert [row[0] for row in said["rows"]] == [2, 4, 6, 8, 10]


def test_a_row_that_is_not_over_is_not_told_yet() -> None:
    view = View(most_rows=4)
    for t in range(1, 6):
        view.feed(second(t))
    cursor = asked(view)["cursor"]
    assert asked(view)["rows"][-1][0] == 4
    view.feed(second(6))
    assert [row[0] for row in asked(view, cursor)["rows"]] == [6]


def test_now_is_the_last_line_with_the_most_workers_there_were() -> None:
    view = View()
    view.feed(second(1, workers=3))
    view.feed(second(2, workers=2, phase="after", lag_p99_s=0.004))
    now = asked(view)["now"]
    assert (now["workers"], now["most_workers"], now["phase"], now["lag_p99_s"]) == (2, 3, "after", 0.004)


def test_the_head_tells_the_prediction_once(tmp_path: Path) -> None:
    (tmp_path / "prediction.json").write_text(predicted().model_dump_json())
    view = View(read_predicted(tmp_path))
    head = asked(view)["head"]
    assert [phase["name"] for phase in head["phases"]] == ["warm-up", "surge", "whistle"]
    assert len(head["predicted"]["rate_rps"]) == len(head["predicted"]["time_s"]) == 100
    low, middle, high = head["predicted"]["p95_s"][40]
    assert low <= middle <= high
    assert head["predicted"]["intact"] is None


def test_without_a_prediction_the_phases_may_be_given() -> None:
    head = asked(View(phases=[PhaseSpan("all", 0.0, 30.0, surge=True)]))["head"]
    assert head["predicted"] is None
    assert head["phases"] == [{"name": "all", "start_s": 0.0, "end_s": 30.0, "surge": True}]


def test_changes_of_replicas_come_once(tmp_path: Path) -> None:
    path = tmp_path / "replicas.jsonl"
    path.write_text('{"t_s": 0, "desired": 2, "ready": 2, "in_rotation": 2}\n')
    view = View(tail=ReplicaTail(path))
    view.feed(second(1))
    first = asked(view)
    assert first["replicas"] == [[0.0, 2, 2, 2]]
    with path.open("a") as file:
        file.write('{"t_s": 5, "desired": 4, "ready": 2, "in_rotation": 2}\n')
    assert asked(view, first["cursor"])["replicas"] == [[5.0, 4, 2, 2]]

"""The tail of replicas.jsonl."""

import json
from pathlib import Path

from loadgen.live.replicas import MOST_CHANGES, ReplicaTail


def line(t_s: float, ready: int) -> str:
    return json.dumps({"t_s": t_s, "desired": ready + 1, "ready": ready, "in_rotation": ready - 1}) + "\n"


def test_a_file_that_comes_later_is_read_then(tmp_path: Path) -> None:
    tail = ReplicaTail(tmp_path / "replicas.jsonl")
    tail.read_on()
    assert tail.changes == []
    (tmp_path / "replicas.jsonl").write_text(line(0.5, 2))
    tail.read_on()
    assert tail.changes == [(0.5, 3, 2, 1)]


def test_only_what_is_new_is_added(tmp_path: Path) -> None:
    path = tmp_path / "replicas.jsonl"
    path.write_text(line(0, 2))
    tail = ReplicaTail(path)
    tail.read_on()
    tail.read_on()
    with path.open("a") as file:
        file.write(line(3, 4))
    tail.read_on()
    assert [ready for _, _, ready, _ in tail.changes] == [2, 4]


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    path = tmp_path / "replicas.jsonl"
    whole = line(1, 5)
    path.write_text(whole[:9])
    tail = ReplicaTail(path)
    tail.read_on()
    assert tail.changes == []
    path.write_text(whole)
    tail.read_on()
    assert tail.changes == [(1.0, 6, 5, 4)]


def test_lines_that_are_no_change_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "replicas.jsonl"
    path.write_text(
        'nonsense\n{"t_s": 1}\n[]\n{"t_s": null, "desired": 1, "ready": 1, "in_rotation": 1}\n' + line(2, 3)
    )
    tail = ReplicaTail(path)
    tail.read_on()
    assert tail.changes == [(2.0, 4, 3, 2)]


def test_a_flood_of_changes_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "replicas.jsonl"
    path.write_text(line(1, 2) * (MOST_CHANGES + 10))
    tail = ReplicaTail(path)
    for _ in range(5):
        tail.read_on()
    assert len(tail.changes) == MOST_CHANGES

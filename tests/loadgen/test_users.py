from dataclasses import dataclass
from pathlib import Path

import pytest

from loadgen.users import Plan, Told, users_path


@dataclass(frozen=True)
class Stretch:
    name: str
    duration: float
    users: int | tuple[int, int]
    surge: bool | None = None


PLAN = Plan.of([Stretch("calm", 10.0, 4), Stretch("ramp", 8.0, (4, 20)), Stretch("match", 5.0, 30)])


@pytest.mark.parametrize(
    ("t_s", "users"), [(-1.0, 4), (0.0, 4), (9.9, 4), (10.0, 4), (14.0, 12), (17.99, 20), (18.0, 30), (99.0, 30)]
)
def test_a_ramp_is_a_line_and_a_step_is_a_step(t_s: float, users: int) -> None:
    assert PLAN.users_at(t_s) == users


def test_phases_follow_one_another_and_those_with_half_of_the_most_users_are_the_surge() -> None:
    assert [(s.name, s.start_s, s.end_s, s.surge) for s in PLAN.spans] == [
        ("calm", 0.0, 10.0, False),
        ("ramp", 10.0, 18.0, True),
        ("match", 18.0, 23.0, True),
    ]
    assert (PLAN.duration_s, PLAN.most) == (23.0, 30)


def test_a_phase_says_itself_whether_it_is_the_surge() -> None:
    spans = Plan.of([Stretch("a", 1.0, 9, surge=False), Stretch("b", 1.0, 1, surge=True)]).spans
    assert [span.surge for span in spans] == [False, True]


def test_the_next_phase_is_known_until_the_last() -> None:
    assert [PLAN.next_edge_s(t_s) for t_s in (0.0, 10.0, 17.0, 18.0, 30.0)] == [10.0, 18.0, 18.0, None, None]


def test_nothing_is_told_without_a_file(tmp_path: Path) -> None:
    assert Told.read(tmp_path / "load.records") == Told()


def test_what_was_told_stands_beside_the_records(tmp_path: Path) -> None:
    records = tmp_path / "load.records"
    users_path(records).write_text(
        '{"names": {"7": "GET /a"}, "notes": ["n"], "users": [[0.5, 4, 3]], "raised": {"x": 2}, "cut_off": 1}'
    )
    assert Told.read(records) == Told({7: "GET /a"}, ("n",), [(0.5, 4, 3)], {"x": 2}, 1)

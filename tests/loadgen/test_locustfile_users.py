import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.pool import Group

from loadgen.locustfile_users import Shape, Teller
from loadgen.users import Plan, Told
from scenarios.traffic import PhaseSpan

SPANS = (PhaseSpan("a", 0.0, 0.3, surge=False), PhaseSpan("b", 0.3, 0.8, surge=True))
PLAN = Plan((0.0, 0.3, 0.8), ((2, 2), (10, 4)), SPANS)


class Runner:
    """Remembers when it was told to have how many users."""

    def __init__(self) -> None:
        self.greenlet, self.shape_greenlet = Group(), None
        self.started: list[tuple[float, int]] = []

    def start(self, users: int, spawn_rate: float) -> None:
        assert spawn_rate >= users
        self.started.append((time.monotonic(), users))


def test_a_runner_has_the_users_of_a_phase_when_it_starts() -> None:
    runner: Any = Runner()
    epoch = time.monotonic() + 0.1
    Shape(PLAN).follow(runner, epoch)
    gevent.sleep(1.1)
    runner.greenlet.kill()
    times, users = zip(*[(at - epoch, count) for at, count in runner.started], strict=True)
    assert times[:2] == pytest.approx((0.0, 0.3), abs=0.05)
    assert users[:2] == (2, 10)
    assert users[-1] == 4


@pytest.fixture
def told(tmp_path: Path) -> Callable[..., Told]:
    def after(*messages: tuple[str, dict[str, Any], str]) -> Told:
        teller = Teller(tmp_path / "load.records", PLAN, ("a note",))
        for what, data, node in messages:
            teller.hear(what, data, node)
        teller.write()
        return Told.read(tmp_path / "load.records")

    return after


def test_names_of_all_workers_come_together(told: Callable[..., Told]) -> None:
    found = told(("named", {"number": 7, "name": "GET /a"}, "w1"), ("named", {"number": 7, "name": "GET /a"}, "w2"))
    assert (found.names, found.notes) == ({7: "GET /a"}, ("a note",))


def test_what_tasks_raise_is_counted_and_bounded(told: Callable[..., Told]) -> None:
    found = told(*[("raised", {"sentence": f"error {number % 70}"}, "w") for number in range(140)])
    assert found.raised["error 0"] == 2
    assert found.raised["further tasks raised something"] == 40
    assert len(found.raised) == 51


def test_users_that_were_cut_off_add_up_over_workers(told: Callable[..., Told]) -> None:
    assert told(("cut_off", {"users": 2}, "w1"), ("cut_off", {"users": 3}, "w2")).cut_off == 5


def test_users_are_looked_at_once_a_second_of_the_plan(tmp_path: Path) -> None:
    plan = Plan((0.0, 3.0), ((5, 5),), (PhaseSpan("a", 0.0, 3.0, surge=True),))
    teller = Teller(tmp_path / "load.records", plan, ())
    for quarter in range(-4, 20):
        teller.look(quarter / 4, 4)
    assert Told.read(tmp_path / "load.records").users == [(0.0, 5, 4), (1.0, 5, 4), (2.0, 5, 4)]

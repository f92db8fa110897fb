"""The master's book-keeping over messages that a stub of Locust's runner carries. Real workers: tests/integration/test_workers.py."""

import time
from collections.abc import Callable
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from gevent import spawn
from locust.runners import STATE_MISSING, STATE_RUNNING

from loadgen.errors import LoadError
from loadgen.openloop import Counts
from loadgen.order import Order
from loadgen.team import Team
from loadgen.worker import machine_id
from scenarios.load import LoadedScenario
from scenarios.traffic import Schedule


class Runner:
    """Locust's side: carries messages to handlers and keeps those that are sent."""

    def __init__(self) -> None:
        self.environment, self.heard, self.sent = SimpleNamespace(), {}, []  # type: ignore[var-annotated]
        self.clients: dict[str, Any] = {}

    def register_message(self, name: str, heard: Callable[..., None]) -> None:
        self.heard[name.removeprefix("matchday_")] = heard

    def send_message(self, name: str, data: dict[str, Any], node: str | None = None) -> None:
        self.sent.append((name.removeprefix("matchday_"), data, node))

    def start(self, users: int, rate: int) -> None:
        self.sent.append(("users", {"count": users, "rate": rate}, None))

    def says(self, node: str, name: str, **data: Any) -> None:
        self.clients.setdefault(node, SimpleNamespace(state=STATE_RUNNING))
        self.heard[name](environment=None, msg=SimpleNamespace(data=data, node_id=node))

    def comes(self, node: str, machine: str | None = None, uncertainty_s: float = 0.002) -> None:
        machine = machine_id() if machine is None else machine
        self.says(node, "here", host=node, machine=machine, pid=1, uncertainty_s=uncertainty_s)


@pytest.fixture
def runner() -> Runner:
    return Runner()


@pytest.fixture
def team(runner: Runner, loaded: LoadedScenario, schedule_at: Callable[..., Schedule]) -> Team:
    order = Order(loaded, schedule_at([0.0, 0.5, 1.5]), "127.0.0.1", 80, 1)
    return Team(runner, order, 2)  # type: ignore[arg-type]  # the stub


def started(team: Team, runner: Runner) -> float:
    runner.comes("a")
    runner.comes("b", machine="another", uncertainty_s=0.004)
    starting = spawn(team.start, None)
    starting.join(0.2)
    for share in range(2):
        runner.says("ab"[share], "armed", share=share)
    starting.join(2)
    return float(starting.value)


def rows(share: int, *, sent: int = 1, ended: bool = False) -> dict[str, Any]:
    said = {"share": share, "rows": b"", "lag": np.array([0.001] * sent).tobytes(), "counts": asdict(Counts(sent=sent))}
    return said | {"cpu_s": 0.1, "wall_s": 1.0, "complete": ended, "ended": ended}


def test_all_get_their_shares_and_begin_at_one_moment_once_all_are_ready(team: Team, runner: Runner) -> None:
    epoch = started(team, runner)
    orders = [
        (node, data["share"], data["of"], data["same_clock"]) for name, data, node in runner.sent if name == "order"
    ]
    assert orders == [("a", 0, 2, True), ("b", 1, 2, False)]
    assert [data for name, data, _ in runner.sent if name == "go"] == [{"epoch": epoch}]
    assert epoch > time.monotonic() - 0.5
    assert [member.planned for member in team.members] == [2, 1]


def test_only_another_machines_clock_is_uncertain(team: Team, runner: Runner) -> None:
    started(team, runner)
    assert [member.clock_uncertainty_s for member in team.members] == [0.0, 0.004]


def test_a_worker_that_asks_for_the_time_is_told(team: Team, runner: Runner) -> None:
    assert not team.members
    before = time.monotonic()
    runner.says("a", "clock", t=5.0)
    ((name, data, node),) = runner.sent
    assert (name, data["t"], node) == ("clock", 5.0, "a")
    assert before <= data["master_s"] <= time.monotonic()


def test_what_workers_hand_over_is_collected_once(team: Team, runner: Runner) -> None:
    started(team, runner)
    runner.says("a", "rows", **rows(0, sent=2))
    taken: list[int] = []
    for _ in range(2):
        team.collect(lambda _packed, lag_s: taken.append(len(lag_s)))
    assert taken == [2]
    assert [member.counts.sent for member in team.members] == [2, 0]


def test_a_worker_that_goes_missing_is_lost_when_it_was_last_heard_of_and_the_others_go_on(
    team: Team, runner: Runner
) -> None:
    epoch = started(team, runner)
    runner.says("b", "rows", **rows(1))
    heard_s = time.monotonic() - epoch
    runner.clients["b"].state = STATE_MISSING
    team.collect(lambda _packed, _lag: None)
    assert [member.ended for member in team.members] == [False, True]
    assert team.members[1].lost_at_s == pytest.approx(max(0.0, heard_s), abs=0.05)
    assert not team.ended()
    runner.says("a", "rows", **rows(0, ended=True))
    team.collect(lambda _packed, _lag: None)
    assert team.ended()
    assert team.members[0].lost_at_s is None


def test_a_worker_that_ended_and_then_left_is_not_lost(team: Team, runner: Runner) -> None:
    started(team, runner)
    runner.says("b", "rows", **rows(1, ended=True))
    del runner.clients["b"]
    team.collect(lambda _packed, _lag: None)
    assert team.members[1].lost_at_s is None


def test_a_worker_that_cannot_read_the_order_ends_the_run_with_its_reason(team: Team, runner: Runner) -> None:
    runner.comes("a")
    runner.says("a", "cannot", why="the scenario is read otherwise here")
    with pytest.raises(LoadError, match="a worker cannot send: the scenario is read otherwise here"):
        team.start(None)


def test_one_worker_more_than_was_asked_for_stands_idle(team: Team, runner: Runner) -> None:
    for node in "abc":
        runner.comes(node)
    assert [member.host for member in team.members] == ["a", "b"]

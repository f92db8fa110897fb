"""A worker's part of the conversation, over a stub of Locust's runner."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from locust.stats import RequestStats

from loadgen.openloop import ScheduleUser
from loadgen.order import Order
from loadgen.worker import Worker, machine_id
from scenarios.load import LoadedScenario
from scenarios.traffic import Schedule


class Master:
    """Answers as a master does whose clock is `ahead_s` of ours."""

    def __init__(self, ahead_s: float) -> None:
        self.ahead_s, self.heard, self.said = ahead_s, {}, []  # type: ignore[var-annotated]
        self.stats, self.gone = RequestStats(), False

    def register_message(self, name: str, heard: Callable[..., None]) -> None:
        self.heard[name.removeprefix("matchday_")] = heard

    def send_message(self, name: str, data: dict[str, Any]) -> None:
        self.said.append((name.removeprefix("matchday_"), data))
        if name == "matchday_clock":
            self.tells("clock", t=data["t"], master_s=time.monotonic() + self.ahead_s)

    def tells(self, name: str, **data: Any) -> None:
        self.heard[name](environment=None, msg=SimpleNamespace(data=data, node_id="me"))

    def quit(self) -> None:
        self.gone = True

    def last(self, name: str) -> dict[str, Any]:
        return [data for said, data in self.said if said == name][-1]  # type: ignore[no-any-return]  # a stub


@pytest.fixture
def order(loaded: LoadedScenario, schedule_at: Callable[..., Schedule]) -> Order:
    return Order(loaded, schedule_at([0.0, 0.1, 0.2, 0.3]), "127.0.0.1", 1, 1)


def worker(master: Master) -> tuple[Worker, type[ScheduleUser]]:
    user = ScheduleUser.waiting()
    return Worker(master, user), user  # type: ignore[arg-type]  # the stub


@pytest.mark.parametrize("same_clock", [True, False])
def test_the_masters_moment_is_brought_to_this_machines_clock(order: Order, same_clock: bool) -> None:
    master = Master(ahead_s=1000.0)
    mine, user = worker(master)
    mine.announce()
    assert master.last("here")["machine"] == machine_id()
    assert master.last("here")["uncertainty_s"] < 0.01
    master.tells("order", share=1, of=2, same_clock=same_clock, order=order.packed())
    assert master.last("armed") == {"share": 1}
    master.tells("go", epoch=5000.0)
    sender = user.post.get()
    assert (sender.share, sender.of, sender.planned) == (1, 2, 2)
    assert sender.epoch == pytest.approx(5000.0 if same_clock else 4000.0, abs=0.01)


def test_an_order_that_cannot_be_read_is_answered_with_the_reason(order: Order) -> None:
    master = Master(0.0)
    worker(master)
    master.tells("order", share=0, of=1, same_clock=True, order=order.packed() | {"sha256": "x"})
    assert "the same matchday" in master.last("cannot")["why"]


def test_what_was_sent_is_handed_over_to_the_last_row(order: Order) -> None:
    master = Master(0.0)
    _, user = worker(master)
    master.tells("order", share=0, of=1, same_clock=True, order=order.packed())
    master.tells("go", epoch=time.monotonic())
    sender = user.post.get()
    sender.recorder.add(0, 0, 0, 0.0, 0.001, 0.1, 200, "", True, 5)
    sender.lag_s.append(0.001)
    sender.ended.set()
    gevent.sleep(0.05)
    said = master.last("rows")
    assert (len(said["rows"]), len(said["lag"]), said["ended"]) == (52, 8, True)
    assert master.stats.total.num_requests == 1


def test_told_to_leave_it_stops_sending_first_and_goes_when_it_has_nothing_to_send(order: Order) -> None:
    master = Master(0.0)
    mine, user = worker(master)
    master.tells("order", share=0, of=1, same_clock=True, order=order.packed())
    master.tells("go", epoch=time.monotonic())
    mine.leave()
    assert (user.post.get().stopping.is_set(), master.gone) == (True, False)
    user.post.get().ended.set()
    mine.leave()
    assert master.gone

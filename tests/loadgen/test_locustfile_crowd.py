import socket
import time
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from locust.env import Environment

from loadgen import locustfile_crowd
from loadgen.locustfile_crowd import Crowd
from loadgen.records import Rows, rows_of
from loadgen.users import Plan
from scenarios.traffic import PhaseSpan

PLAN = Plan((0.0, 60.0), ((1, 1),), (PhaseSpan("all", 0.0, 60.0, surge=True),))


class Heard:
    """A crowd of a runner without users, and what it told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, epoch: float) -> None:
        monkeypatch.setattr(locustfile_crowd, "plan_of", lambda order: order)
        environment = Environment(locustfile="/tmp/locustfile.py")
        self.events = environment.events
        self.told: list[tuple[str, dict[str, Any]]] = []
        runner = environment.create_local_runner()
        order: Any = PLAN
        self.crowd = Crowd(order, runner, epoch, lambda what, data: self.told.append((what, data)))

    def request(self, name: str = "/a", **more: Any) -> Rows:
        event: dict[str, Any] = {"request_type": "GET", "name": name, "response_time": 40.0, "response_length": 9}
        self.events.request.fire(**{**event, **more})  # type: ignore[no-untyped-call]
        return rows_of(self.crowd.recorder.take())


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    return Heard(monkeypatch, time.monotonic() - 5.0)


def test_a_request_counts_from_its_send_on_our_clock(heard: Heard) -> None:
    began = time.time() - 2.0
    (row,) = heard.request(response=SimpleNamespace(status_code=201), start_time=began)
    assert row["send_s"] == pytest.approx(3.0, abs=0.1)
    assert row["intended_s"] == row["send_s"]
    assert row["done_s"] - row["send_s"] == pytest.approx(0.040)
    assert (row["status"], row["error"], row["final"], row["bytes"]) == (201, 0, 1, 9)


def test_a_request_without_a_start_ended_just_now(heard: Heard) -> None:
    (row,) = heard.request()
    assert row["done_s"] == pytest.approx(5.0, abs=0.1)


def test_a_kind_of_request_is_named_once_and_numbered_alike_everywhere(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Heard(monkeypatch, time.monotonic() - 5.0)
    numbers = {int(heard.request(name)["request"][0]) for name in ("/a", "/a", "/b")}
    assert [data["name"] for what, data in heard.told if what == "named"] == ["GET /a", "GET /b"]
    assert {data["number"] for _, data in heard.told} == numbers
    assert int(other.request("/b")["request"][0]) in numbers


def test_what_happened_before_the_schedule_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not len(Heard(monkeypatch, time.monotonic() + 5.0).request())


def test_a_request_that_found_no_port_was_not_sent(heard: Heard) -> None:
    rows = heard.request(exception=OSError(99, "Cannot assign requested address"))
    assert (len(rows), heard.crowd.counts.sent, heard.crowd.counts.own_errors["ports"]) == (0, 0, 1)


def test_a_crowd_told_to_stop_is_over_and_not_complete(heard: Heard) -> None:
    heard.crowd.stopping.set()
    assert heard.crowd.ended.wait(5.0)
    assert not heard.crowd.complete


def test_users_still_inside_a_task_when_the_grace_is_over_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locustfile_crowd, "GRACE_S", 0.3)
    heard = Heard(monkeypatch, time.monotonic() - PLAN.duration_s + 0.1)
    runner = heard.crowd._runner
    for _ in range(3):
        runner.user_greenlets.spawn(gevent.sleep, 60.0)
    monkeypatch.setattr(runner, "stop", lambda: gevent.sleep(0.4))
    assert heard.crowd.ended.wait(5.0)
    assert heard.crowd.complete
    assert heard.told == [("cut_off", {"users": 3})]
    runner.user_greenlets.kill()


def test_no_socket_leaves_loopback_once_users_are_to_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    kind: Any = gevent.socket.socket
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(kind, name, getattr(kind, name))
    locustfile_crowd._stay_here()
    with (
        gevent.socket.socket() as sock,
        pytest.raises(PermissionError, match=r"192\.0\.2\.1: users may reach loopback"),
    ):
        sock.connect(("192.0.2.1", 80))
    with socket.create_server(("127.0.0.1", 0)) as server, gevent.socket.socket() as sock:
        sock.connect(("127.0.0.1", server.getsockname()[1]))

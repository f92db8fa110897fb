from __future__ import annotations

import copy
import time
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any

import pytest

from balancer.kube.api import ApiError, ApiUnavailableError
from balancer.kube.lease import Election, Timing

Json = dict[str, Any]


class Leases:
    """An API server that holds one Lease and knows resource versions."""

    def __init__(self) -> None:
        self.lease: Json | None = None
        self.version = 0
        self.up = True
        self.lose_answers = False
        self.writes = 0

    def get(self, path: str, **query: object) -> Json:
        self._reach()
        if self.lease is None:
            raise ApiError(404, "no such lease")
        return copy.deepcopy(self.lease)

    def send(
        self, method: str, path: str, body: Any, *, content_type: str = "application/json", **query: object
    ) -> Json:
        self._reach()
        if method == "POST" and self.lease is not None:
            raise ApiError(409, "already exists")
        if method == "PUT" and self.lease is None:
            raise ApiError(404, "no such lease")
        if method == "PUT" and body["metadata"]["resourceVersion"] != str(self.version):
            raise ApiError(409, "the object has been modified")
        self.version += 1
        self.writes += 1
        self.lease = copy.deepcopy(body)
        self.lease["metadata"]["resourceVersion"] = str(self.version)
        if self.lose_answers:
            raise ApiUnavailableError("broken off")
        return copy.deepcopy(self.lease)

    def _reach(self) -> None:
        if not self.up:
            raise ApiUnavailableError("down")


class World:
    """Candidates on one monotonic clock."""

    def __init__(self, leases: Leases | None = None) -> None:
        self.leases = leases or Leases()
        self.now_s = 100.0

    def candidate(self, name: str, utc: datetime = datetime(2026, 6, 11, tzinfo=UTC)) -> Election:
        return Election(
            self.leases, "matchday", "matchday-balancer", name, clock=lambda: self.now_s, utc_now=lambda: utc
        )

    def step(self, *candidates: Election) -> None:
        for candidate in candidates:
            candidate.step(self.now_s)

    def pass_time(self, seconds: float, *candidates: Election) -> None:
        for _ in range(round(seconds)):
            self.now_s += 1
            self.step(*candidates)
            assert sum(candidate.leading for candidate in candidates) <= 1


def test_the_first_takes_it_and_the_second_looks_on() -> None:
    world = World()
    a, b = world.candidate("a"), world.candidate("b")
    world.step(a, b)
    assert (a.leading, b.leading) == (True, False)
    assert b.holder == "a"
    world.pass_time(60, a, b)
    assert (a.leading, b.leading) == (True, False)


def test_a_step_writes_once() -> None:
    world = World()
    a = world.candidate("a")
    world.step(a)
    assert world.leases.writes == 1
    world.pass_time(3, a)
    assert world.leases.writes == 4


def test_steps_are_rare_while_leading_and_frequent_while_not() -> None:
    world = World()
    a, b = world.candidate("a"), world.candidate("b")
    assert (a.step(world.now_s), b.step(world.now_s)) == (5.0, 2.0)


def test_another_takes_over_when_the_holder_dies() -> None:
    world = World()
    a, b = world.candidate("a"), world.candidate("b")
    world.step(a, b)
    world.pass_time(14, b)
    assert not b.leading
    world.pass_time(1, b)
    assert b.leading
    assert world.leases.lease is not None
    assert world.leases.lease["spec"]["leaseTransitions"] == 1


def test_a_lead_ends_by_itself_when_the_api_server_is_gone() -> None:
    world = World()
    a = world.candidate("a")
    world.step(a)
    world.leases.up = False
    world.pass_time(9, a)
    assert a.leading
    world.now_s += 1
    assert not a.leading
    world.leases.up = True
    world.step(a)
    assert a.leading


def test_a_lead_has_ended_before_another_may_begin() -> None:
    world = World()
    a, b = world.candidate("a"), world.candidate("b")
    world.step(a, b)
    while not b.leading:
        world.now_s += 0.5
        b.step(world.now_s)
        assert not (a.leading and b.leading)
    assert not a.leading


def test_clocks_that_disagree_by_a_day_do_not_matter() -> None:
    world = World()
    a = world.candidate("a", datetime(2026, 6, 10, tzinfo=UTC))
    b = world.candidate("b", datetime(2026, 6, 11, tzinfo=UTC))
    world.step(a, b)
    world.pass_time(60, a, b)
    assert (a.leading, b.leading) == (True, False)


def test_a_release_lets_another_take_over_at_once() -> None:
    world = World()
    a, b = world.candidate("a"), world.candidate("b")
    world.step(a, b)
    a.release()
    assert not a.leading
    world.step(b)
    assert b.leading


def test_who_does_not_lead_releases_nothing() -> None:
    world = World()
    a, b = world.candidate("a"), world.candidate("b")
    world.step(a, b)
    b.release()
    world.step(b)
    assert (a.leading, b.leading) == (True, False)


def test_a_release_the_api_server_does_not_hear_is_no_error() -> None:
    world = World()
    a = world.candidate("a")
    world.step(a)
    world.leases.up = False
    a.release()
    assert not a.leading


def test_a_write_whose_answer_is_lost_is_found_again() -> None:
    world = World()
    a = world.candidate("a")
    world.step(a)
    world.leases.lose_answers = True
    world.pass_time(1, a)
    world.leases.lose_answers = False
    world.pass_time(2, a)
    assert a.leading
    world.pass_time(9, a)
    assert a.leading


def test_a_lease_somebody_deleted_is_made_anew() -> None:
    world = World()
    a = world.candidate("a")
    world.step(a)
    world.leases.lease = None
    world.pass_time(2, a)
    assert a.leading
    assert world.leases.lease is not None


def test_who_was_robbed_of_the_lease_stops() -> None:
    world = World()
    a = world.candidate("a")
    world.step(a)
    assert world.leases.lease is not None
    world.leases.send(
        "PUT", "", {**world.leases.lease, "spec": {"holderIdentity": "thief", "leaseDurationSeconds": 15}}
    )
    world.pass_time(2, a)
    assert not a.leading
    assert a.holder == "thief"


def test_a_restart_under_the_same_name_goes_on_at_once() -> None:
    world = World()
    world.step(world.candidate("a"))
    again = world.candidate("a")
    world.step(again)
    assert again.leading


def test_a_refusal_that_is_no_race_is_not_fatal(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    a = world.candidate("a")

    def forbidden(path: str, **query: object) -> Json:
        raise ApiError(403, "leases are forbidden")

    monkeypatch.setattr(world.leases, "get", forbidden)
    assert a.step(world.now_s) == 2.0
    assert not a.leading


def test_times_are_written_as_kubernetes_reads_them() -> None:
    world = World()
    world.step(world.candidate("a", datetime(2026, 6, 11, 16, 0, 0, 1500, tzinfo=UTC)))
    assert world.leases.lease is not None
    assert world.leases.lease["spec"] == {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "renewTime": "2026-06-11T16:00:00.001500Z",
        "acquireTime": "2026-06-11T16:00:00.001500Z",
        "leaseTransitions": 0,
    }


def test_the_loop_leads_until_told_to_stop_and_releases() -> None:
    leases = Leases()
    election = Election(leases, "matchday", "matchday-balancer", "a", timing=Timing(renew_every_s=0.01))
    stop = Event()
    thread = Thread(target=election.run, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 10
    while leases.writes < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert election.leading
    stop.set()
    thread.join(timeout=10)
    assert leases.lease is not None
    assert leases.lease["spec"]["holderIdentity"] == ""

"""The master's side: workers that each send a share of one order, and what becomes of them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gevent
import numpy as np
from gevent.event import Event
from locust.env import Environment
from locust.runners import STATE_MISSING, MasterRunner

from loadgen.crew import Member, Took
from loadgen.errors import LoadError
from loadgen.openloop import Counts, ScheduleUser
from loadgen.order import Order
from loadgen.worker import listen, machine_id

_SOON_S = 0.3
_ALL_HERE_S = 60.0
_GRACE_S = 3.0


@dataclass
class _Seat:
    """A worker's place: Locust's name of it, its process, when it was last heard of (monotonic)."""

    member: Member
    node: str
    pid: int
    same_machine: bool
    heard_s: float = 0.0
    armed: bool = False


class Team:
    """So many workers of a master.

    A worker that is lost is not replaced: its share of the schedule is missing from then on, and is told.
    """

    def __init__(self, runner: MasterRunner, order: Order, size: int) -> None:
        self.environment, self._runner, self._order, self._size = runner.environment, runner, order, size
        self._seats: list[_Seat] = []
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._unread: list[tuple[Member, bytes, bytes]] = []
        self._cannot: str | None = None
        self._changed, self._epoch = Event(), 0.0
        for name, heard in (
            ("clock", self._tick),
            ("here", self._welcome),
            ("armed", self._arm),
            ("cannot", self._refuse),
            ("rows", self._hear),
        ):
            listen(runner, name, heard)

    @classmethod
    def of_processes(cls, order: Order, processes: int) -> Team:
        """Workers on this machine, started here."""
        team = cls.at("127.0.0.1", 0, order, processes)
        team.bring(processes)
        return team

    @classmethod
    def at(cls, host: str, port: int, order: Order, size: int) -> Team:
        """Workers that come from wherever they were started, to this address."""
        environment = Environment(user_classes=[ScheduleUser.waiting()])
        return cls(environment.create_master_runner(host, port), order, size)

    def bring(self, processes: int) -> None:
        """Start workers on this machine."""
        command = [sys.executable, "-m", "loadgen", "worker", "--master", f"127.0.0.1:{self._runner.server.port}"]
        for child in [subprocess.Popen(command) for _ in range(processes)]:
            self._children[child.pid] = child

    @property
    def members(self) -> Sequence[Member]:
        """All workers that have come, the lost ones too."""
        return [seat.member for seat in self._seats]

    def start(self, epoch: float | None) -> float:
        """Wait for all, give each its share, have them begin together."""
        self._until(lambda: len(self._seats) == self._size, "workers have come")
        packed = self._order.packed()
        for seat in self._seats:
            data = {"share": seat.member.share, "of": self._size, "same_clock": seat.same_machine, "order": packed}
            self._runner.send_message("matchday_order", data, seat.node)
        self._until(lambda: all(seat.armed for seat in self._seats), "workers are ready")
        self._epoch = time.monotonic() + _SOON_S if epoch is None else epoch
        self._runner.send_message("matchday_go", {"epoch": self._epoch})
        self.set_out()
        return self._epoch

    def set_out(self) -> None:
        """Have Locust spawn the one user of each worker."""
        gevent.spawn(self._runner.start, self._size, self._size)

    def _until(self, true: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _ALL_HERE_S
        while not true():
            self._changed.wait(0.1)
            self._changed.clear()
            if self._cannot is not None:
                raise LoadError(f"a worker cannot send: {self._cannot}")
            if any(child.poll() is not None for child in self._children.values()):
                raise LoadError("a worker died before the first request")
            if time.monotonic() > deadline:
                raise LoadError(f"not all {self._size} {what} after {_ALL_HERE_S:.0f} s")

    def collect(self, took: Took) -> None:
        """What all have sent in, and who is gone."""
        unread, self._unread = self._unread, []
        for member, rows, lag in unread:
            lag_s = np.frombuffer(lag, dtype=np.float64)
            member.lag.add(lag_s)
            took(rows, lag_s)
        for seat in self._seats:
            if not seat.member.ended and self._is_gone(seat):
                seat.member.ended = True
                seat.member.lost_at_s = max(0.0, seat.heard_s - self._epoch)

    def _is_gone(self, seat: _Seat) -> bool:
        client = self._runner.clients.get(seat.node)
        child = self._children.get(seat.pid) if seat.same_machine else None
        return client is None or client.state == STATE_MISSING or (child is not None and child.poll() is not None)

    def ended(self) -> bool:
        """Whether all have, or are lost."""
        return all(seat.member.ended for seat in self._seats)

    def stop(self) -> None:
        """Have all stop sending and hand over the rest."""
        self._runner.send_message("matchday_stop", {})

    def quit(self) -> None:
        """Let the workers go and end those that are ours."""
        self._runner.quit()
        deadline = time.monotonic() + _GRACE_S
        for child in self._children.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def _tick(self, said: Mapping[str, Any], node: str) -> None:
        self._runner.send_message("matchday_clock", {"t": said["t"], "master_s": time.monotonic()}, node)

    def _welcome(self, here: Mapping[str, Any], node: str) -> None:
        if len(self._seats) == self._size:
            return  # one more than was asked for: it stands idle
        share = len(self._seats)
        same = here["machine"] == machine_id()
        member = Member(
            share, self._size, here["host"], len(range(share, len(self._order.schedule.intended_s), self._size))
        )
        member.clock_uncertainty_s = 0.0 if same else here["uncertainty_s"]
        self._seats.append(_Seat(member, node, here["pid"], same))
        self._changed.set()

    def _arm(self, said: Mapping[str, Any], _node: str) -> None:
        self._seats[said["share"]].armed = True
        self._changed.set()

    def _refuse(self, said: Mapping[str, Any], _node: str) -> None:
        self._cannot = said["why"]
        self._changed.set()

    def _hear(self, said: Mapping[str, Any], _node: str) -> None:
        seat = self._seats[said["share"]]
        member = seat.member
        member.counts = Counts(**said["counts"])
        member.cpu_s, member.wall_s = said["cpu_s"], said["wall_s"]
        member.complete, member.ended = said["complete"], said["ended"]
        seat.heard_s = time.monotonic()
        self._unread.append((member, said["rows"], said["lag"]))

"""The open-loop sender: every request leaves at its intended time, however slow the answers are.

It walks its share of the schedule; each request runs in a greenlet of its own, so that a stalled server delays
nobody.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import gevent
import numpy as np
from gevent.event import AsyncResult, Event
from gevent.hub import spawn_raw
from locust import User, task
from numpy.typing import NDArray

from loadgen.alarm import Alarm
from loadgen.http import Client, request_bytes
from loadgen.records import Recorder, worth_a_retry
from loadgen.retry import backoff_s
from scenarios.messages import Messages
from scenarios.schema import Request
from scenarios.traffic import Schedule

# Each outstanding request holds a socket and a greenlet of about 15 KiB.
MOST_OUTSTANDING = 15_000
_GRACE_S = 1.0
# How long a dispatcher that has time may sleep, so that a stop is heard.
_LONGEST_SLEEP_S = 0.1


@dataclass
class Counts:
    """What became of a share so far. `dropped_*` left this machine never: it had too many outstanding, or no socket."""

    sent: int = 0
    outstanding: int = 0
    outstanding_max: int = 0
    dropped_outstanding: int = 0
    own_errors: dict[str, int] = field(default_factory=lambda: {"ports": 0, "descriptors": 0, "other": 0})

    @property
    def dropped_own_limits(self) -> int:
        """Requests that this machine's limits kept from being sent."""
        return sum(self.own_errors.values())


class Sender:
    """Sends requests number `share`, `share + of`, ... of a schedule whose first moment is `epoch` (monotonic)."""

    def __init__(
        self,
        schedule: Schedule,
        requests: tuple[Request, ...],
        messages: Messages,
        clients: Mapping[int, Client],
        *,
        epoch: float,
        seed: int,
        share: int = 0,
        of: int = 1,
        most_outstanding: int = MOST_OUTSTANDING,
    ) -> None:
        self.schedule, self.requests, self.clients = schedule, requests, clients
        self.epoch, self.seed, self.share, self.of = epoch, seed, share, of
        self._most_outstanding = most_outstanding
        self.planned = len(range(share, len(schedule.intended_s), of))
        self.recorder, self.counts, self.lag_s = Recorder(), Counts(), array("d")
        self.stopping, self.ended, self.complete = Event(), Event(), False
        self.taken = False
        self._messages = messages
        self._expected = [messages.expect(number) for number in range(len(requests))]
        self._wire: dict[int, tuple[bytes, bytes]] = {}

    def take_lags(self) -> NDArray[np.float64]:
        """(n,) lags in seconds of the requests sent since the last time."""
        taken, self.lag_s = self.lag_s, array("d")
        return np.frombuffer(taken, dtype=np.float64)

    def send_all(self) -> None:
        """Send the share, wait for the answers, or stop when told to."""
        counts, clock = self.counts, time.monotonic
        with Alarm() as alarm:
            self._dispatch(alarm)
        if not self.stopping.is_set():
            while counts.outstanding and not self.stopping.wait(0.02):
                pass
            self.complete = not self.stopping.is_set() and counts.sent == self.planned
        until = clock() + _GRACE_S
        while counts.outstanding and clock() < until:
            gevent.sleep(0.02)

    def _dispatch(self, alarm: Alarm) -> None:
        """Start each request of the share at its moment, until told to stop."""
        intended = self.schedule.intended_s[self.share :: self.of].tolist()
        counts, clock, epoch = self.counts, time.monotonic, self.epoch
        for turn, intended_s in enumerate(intended):
            while (due := epoch + intended_s) > (now := clock()) and not self.stopping.is_set():
                alarm.sleep_until(min(due, now + _LONGEST_SLEEP_S))
            if self.stopping.is_set():
                return
            if counts.outstanding >= self._most_outstanding:
                counts.dropped_outstanding += 1
                continue
            counts.outstanding += 1
            counts.outstanding_max = max(counts.outstanding_max, counts.outstanding)
            spawn_raw(self._request, self.share + turn * self.of, intended_s)
            if turn % 64 == 63:
                gevent.sleep(0)  # a dispatcher that is late still lets answers be read

    def _request(self, index: int, intended_s: float) -> None:
        """All attempts of one request."""
        try:
            self._attempts(index, intended_s)
        finally:
            self.counts.outstanding -= 1

    def _attempts(self, index: int, intended_s: float) -> None:
        schedule, counts, epoch, clock = self.schedule, self.counts, self.epoch, time.monotonic
        kind = int(schedule.request[index])
        request, expected = self.requests[kind], self._expected[kind]
        client = self.clients[int(schedule.client[index])]
        before, after = self._bytes(kind, int(schedule.key[index]))
        for number in range(request.retries + 1):
            whole = b"%sX-Request-Id: %d-%d\r\n%s" % (before, index, number, after)
            send_s = clock() - epoch
            if number == 0:
                counts.sent += 1
                self.lag_s.append(send_s - intended_s)
            answer = client.send(request.method, whole, request.timeout, whole=expected is not None)
            done_s = clock() - epoch
            if answer.own_limit:
                counts.own_errors[answer.own_limit] += 1
                counts.sent -= number == 0  # it never left
                return
            error = answer.error
            if expected is not None and not error and expected.problem(answer.status, answer.body):
                error = "check"
            final = number == request.retries or not worth_a_retry(answer.status, error)
            self.recorder.add(
                index, number, kind, intended_s, send_s, done_s, answer.status, error, final, answer.bytes
            )
            if final:
                return
            gevent.sleep(backoff_s(self.seed, index, number, request.backoff))

    def _bytes(self, kind: int, key: int) -> tuple[bytes, bytes]:
        """The request of a kind and key on the wire; those of kinds without keys are made once."""
        if (made := self._wire.get(kind)) is None:
            message = self._messages.of(kind, key)
            made = request_bytes(message.method, message.path, message.headers, message.body)
            if self.requests[kind].keys == 1:
                self._wire[kind] = made
        return made


class ScheduleUser(User):
    """Locust's user that does the sending: one on each worker. More of them, should Locust spawn any, stand idle."""

    abstract = True
    post: ClassVar[AsyncResult[Sender]]

    @classmethod
    def waiting(cls) -> type[ScheduleUser]:
        """A user class of its own that waits for a Sender at its `post`."""
        return type("ScheduleUser", (cls,), {"abstract": False, "post": AsyncResult()})

    @task
    def send(self) -> None:
        """Send a share; whoever stops the user stops the sending."""
        sender = self.post.get()
        if not sender.taken:
            sender.taken = True
            try:
                sender.send_all()
            finally:
                sender.stopping.set()
                sender.ended.set()
        Event().wait()

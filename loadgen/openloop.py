"""The open-loop user: every request is sent at its intended time, however slow the answers are.

A Locust user whose one task walks the schedule; each request runs in a greenlet of its own, so that a stalled
server delays nobody. Locust's own statistics are fed beside ours.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import ClassVar

import gevent
from gevent.event import Event
from gevent.pool import Group
from locust import User, task

from loadgen.http import OWN_LIMIT, Client
from loadgen.progress import Progress
from loadgen.records import Attempt, Recorder
from loadgen.retry import backoff_s
from scenarios.schema import Request
from scenarios.traffic import Schedule

# Each outstanding request holds a socket and a greenlet of about 15 KiB.
MOST_OUTSTANDING = 15_000
_GRACE_S = 1.0


class Run:
    """One run over a schedule. `epoch` is the schedule's first moment on `time.monotonic()`'s clock."""

    def __init__(
        self,
        schedule: Schedule,
        requests: tuple[Request, ...],
        clients: Mapping[int, Client],
        epoch: float,
        seed: int,
        recorder: Recorder,
    ) -> None:
        self.schedule, self.requests, self.clients = schedule, requests, clients
        self.epoch, self.seed, self.recorder = epoch, seed, recorder
        self.progress = Progress(epoch)
        self.stopping = Event()
        self.complete = False
        # Requests that this machine's limits kept from being sent: they are neither sent nor recorded.
        self.dropped = 0


class OpenLoopUser(User):
    """Walks `run.schedule` once."""

    abstract = True
    run_of_load: ClassVar[Run]

    @task
    def walk(self) -> None:
        """Send everything, wait for the answers, and end the runner."""
        run = self.run_of_load
        under_way = Group()
        intended = run.schedule.intended_s.tolist()
        for index, intended_s in enumerate(intended):
            wait_s = run.epoch + intended_s - time.monotonic()
            # A greenlet that is late still lets the others work.
            if run.stopping.wait(max(0.0, wait_s)) if wait_s > 0 else run.stopping.is_set():
                break
            if len(under_way) >= MOST_OUTSTANDING:
                run.dropped += 1
                continue
            under_way.spawn(self._request, run, index, intended_s)
            run.progress.outstanding_max = max(run.progress.outstanding_max, len(under_way))
        else:
            self._wait(run, under_way)
            run.complete = not run.stopping.is_set() and not run.dropped
        under_way.join(timeout=_GRACE_S)
        under_way.kill()
        self.environment.runner.quit()

    @staticmethod
    def _wait(run: Run, under_way: Group) -> None:
        while len(under_way) and not run.stopping.is_set():
            under_way.join(timeout=0.1)

    def _request(self, run: Run, index: int, intended_s: float) -> None:
        """All attempts of one request."""
        request = run.requests[run.schedule.request[index]]
        client = run.clients[int(run.schedule.client[index])]
        path = request.path.replace("{key}", str(run.schedule.key[index]))
        for attempt in range(request.retries + 1):
            send_s = time.monotonic() - run.epoch
            if attempt == 0:
                run.progress.sent(send_s - intended_s)
            headers = {"Host": request.host, "X-Request-Id": f"{index}-{attempt}"}
            answer = client.send(request.method, path, headers, request.timeout)
            if answer.error == OWN_LIMIT:
                run.dropped += 1
                return
            done_s = time.monotonic() - run.epoch
            record = Attempt(index, attempt, intended_s, send_s, done_s, answer.status, answer.error, answer.bytes)
            run.recorder.add(record)
            self._tell_locust(request, record)
            if attempt == request.retries or not record.worth_a_retry:
                run.progress.done(done_s - intended_s, good=record.good)
                return
            gevent.sleep(backoff_s(run.seed, index, attempt, request.backoff))

    def _tell_locust(self, request: Request, record: Attempt) -> None:
        failure = None if record.good else RuntimeError(record.error or f"status {record.status}")
        self.environment.events.request.fire(
            request_type=request.method,
            name=request.path,
            response_time=(record.done_s - record.send_s) * 1000,
            response_length=record.bytes,
            exception=failure,
            context={},
        )

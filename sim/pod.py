"""A pod at work: what it serves at once, what waits inside it, and the CPU it burns.

A pod knows nothing of the proxy but `Job`. What it has accepted it works off, also when the client is gone (a
server seldom notices), unless it is told to drop the job.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from typing import Literal, Protocol

import simpy

from sim.clock import Clock
from sim.dataplane.facts import SHORTEST_S

Welcome = Literal["taken", "refused", "hangs"]


class Job(Protocol):
    """One request as a pod sees it: `service_s` is its time when nothing contends, `cpu_s` the CPU part of that.

    `make_calls` sends what the pod asks of others, and says in the end whether all went well; None for no calls.
    """

    service_s: float
    cpu_s: float
    make_calls: Callable[[Callable[[bool], None]], None] | None

    def pod_left(self, *, broken: bool, told: bool) -> None:
        """The job is out of the pod: answered, or `broken`; `told` unless the answer is lost on the way."""


class Pod:
    """What both disciplines share: life, slowness, calls and the CPU meter. All times in seconds, CPU in cores."""

    def __init__(self, env: Clock, name: str, idle_cores: float = 0.0) -> None:
        self.env, self.name, self.idle_cores = env, name, idle_cores
        self.alive = True
        self.accepted = 0
        self.jobs: dict[Job, None] = {}
        self._reachable = True
        self._slow = self._cold = 1.0
        self._cold_until_s = -math.inf
        self._idle_events: list[simpy.Event] = []
        self._started = self._metered = env.now
        self._busy_cores = 0.0
        self._busy_s = 0.0

    @property
    def in_flight(self) -> int:
        """Requests it holds."""
        return len(self.jobs)

    def accept(self, job: Job) -> Welcome:
        """Take a request in, unless nothing listens any more or nothing gets through."""
        if not self._reachable:
            return "hangs"
        if not self.alive:
            return "refused"
        self.accepted += 1
        self.jobs[job] = None
        self._admit(job)
        return "taken"

    def kill(self) -> None:
        """SIGKILL: everything in the pod breaks, in the order it came in."""
        if not self.alive:
            return
        self._meter()
        self._busy_cores = 0.0
        self.alive = False
        jobs, self.jobs = self.jobs, {}
        for job in jobs:
            job.pod_left(broken=True, told=self._reachable)
        self._tell_idle()

    def drop(self, job: Job) -> None:
        """Stop working on a job whose client has gone."""
        del self.jobs[job]
        self._drop(job)
        self._tell_idle()

    def slow(self, factor: float) -> None:
        """Requests that start from now on take so many times as long."""
        self._slow = factor

    def warm_up(self, factor: float, until_s: float) -> None:
        """Requests that start before `until_s` take `factor` times as long."""
        self._cold, self._cold_until_s = factor, until_s

    def set_reachable(self, *, reachable: bool) -> None:
        """While out of reach connections hang and answers are lost."""
        self._reachable = reachable

    def when_idle(self) -> simpy.Event:
        """Happens when the last request has left."""
        event = self.env.event()
        self._idle_events.append(event)
        return event

    def cpu_used_s(self) -> float:
        """CPU seconds since the process started, as /proc would count them."""
        self._meter()
        return self._busy_s + self.idle_cores * (self.env.now - self._started)

    def _factor(self) -> float:
        return self._slow * (self._cold if self.env.now < self._cold_until_s else 1.0)

    def _admit(self, job: Job) -> None:
        raise NotImplementedError

    def _drop(self, job: Job) -> None:
        raise NotImplementedError

    def _make_room(self) -> None:
        """A job that was served is leaving."""

    def _own_part_done(self, job: Job) -> None:
        if job.make_calls is None:
            self._leave(job, broken=False)
        else:
            job.make_calls(lambda fine: self._called(job, fine=fine))

    def _called(self, job: Job, *, fine: bool) -> None:
        if job in self.jobs:
            self._leave(job, broken=not fine)

    def _leave(self, job: Job, *, broken: bool) -> None:
        self._make_room()
        del self.jobs[job]
        job.pod_left(broken=broken, told=self._reachable)
        self._tell_idle()

    def _tell_idle(self) -> None:
        if self._idle_events and not self.jobs:
            for event in self._idle_events:
                event.succeed()
            self._idle_events.clear()

    def _burn(self, cores: float) -> None:
        """From now on burn this much more (or less)."""
        self._meter()
        self._busy_cores += cores

    def _meter(self) -> None:
        self._busy_s += self._busy_cores * (self.env.now - self._metered)
        self._metered = self.env.now


class WorkerPod(Pod):
    """At most `workers` requests at a time, first come first served behind; a request that calls keeps its worker.

    A request's CPU is burnt evenly over its service time.
    """

    def __init__(self, env: Clock, name: str, workers: int, idle_cores: float = 0.0) -> None:
        super().__init__(env, name, idle_cores)
        self._free = workers
        self._waiting: deque[Job] = deque()
        self._working: dict[Job, float] = {}

    def _admit(self, job: Job) -> None:
        if self._free:
            self._free -= 1
            self._serve(job)
        else:
            self._waiting.append(job)

    def _serve(self, job: Job) -> None:
        service_s = max(job.service_s, SHORTEST_S)
        cores = job.cpu_s / service_s  # a slow pod burns as much a second, for longer
        self._working[job] = cores
        self._burn(cores)
        self.env.after(service_s * self._factor(), lambda: self._served(job))

    def _served(self, job: Job) -> None:
        if self.alive and job in self._working:
            self._burn(-self._working.pop(job))
            self._own_part_done(job)

    def _make_room(self) -> None:
        if self._waiting:
            self._serve(self._waiting.popleft())
        else:
            self._free += 1

    def _drop(self, job: Job) -> None:
        if job in self._waiting:
            self._waiting.remove(job)
            return
        if job in self._working:
            self._burn(-self._working.pop(job))
        self._make_room()


class SharedCpuPod(Pod):
    """All requests at once: first each burns its CPU part, sharing the limit equally, then it waits for the rest.

    One request uses one core at most. `limit_cores` None is no limit. The shared part is processor sharing
    in virtual time: `_virtual_s` is the CPU a request present from the start would have got.
    """

    def __init__(self, env: Clock, name: str, limit_cores: float | None, idle_cores: float = 0.0) -> None:
        super().__init__(env, name, idle_cores)
        self._limit_cores = math.inf if limit_cores is None else limit_cores
        self._virtual_s = 0.0
        self._updated = env.now
        self._burning: list[tuple[float, int, float, Job]] = []
        self._order = 0
        self._version = 0

    def _admit(self, job: Job) -> None:
        self._advance()
        self._order += 1
        factor = self._factor()
        heapq.heappush(self._burning, (self._virtual_s + job.cpu_s * factor, self._order, factor, job))
        self._plan_next()

    def _rate(self) -> float:
        """Cores each burning request gets."""
        return min(1.0, self._limit_cores / max(1, len(self._burning)))

    def _advance(self) -> None:
        self._virtual_s += self._rate() * (self.env.now - self._updated)
        self._updated = self.env.now

    def _plan_next(self) -> None:
        """Meter at the new rate, and come back when the next CPU part is done."""
        self._version += 1
        self._burn(self._rate() * len(self._burning) - self._busy_cores)
        if self._burning:
            version = self._version
            left_s = max(0.0, self._burning[0][0] - self._virtual_s) / self._rate()
            self.env.after(left_s, lambda: self._cpu_part_done(version))

    def _cpu_part_done(self, version: int) -> None:
        if version != self._version or not self.alive:
            return
        self._advance()
        self._virtual_s = max(self._virtual_s, self._burning[0][0])  # this call is for the first, rounding or not
        while self._burning and self._burning[0][0] <= self._virtual_s:
            _, _, factor, job = heapq.heappop(self._burning)
            wait_s = max(0.0, job.service_s - job.cpu_s) * factor
            self.env.after(wait_s, lambda job=job: self._waited(job))  # type: ignore[misc]
        self._plan_next()

    def _waited(self, job: Job) -> None:
        if job in self.jobs:
            self._own_part_done(job)

    def _drop(self, job: Job) -> None:
        left = [entry for entry in self._burning if entry[3] is not job]
        if len(left) < len(self._burning):
            self._advance()
            self._burning = left
            heapq.heapify(self._burning)
            self._plan_next()

"""A pod at work: what it serves at once, what waits inside it, and the CPU it burns.

A pod knows nothing of the proxy but `Job.pod_finished`. What it has accepted it works off, also when the
client has gone: a server seldom notices.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import Protocol

import simpy

from sim.clock import Clock

_SHORTEST_S = 1e-6


class Job(Protocol):
    """One request as a pod sees it: `service_s` is its time when nothing contends, `cpu_s` the CPU part of that."""

    service_s: float
    cpu_s: float

    def pod_finished(self, *, broken: bool) -> None:
        """The pod has answered, or died with the request in it."""


class Pod:
    """What both disciplines share: life, slowness and the CPU meter. All times in seconds, CPU in cores."""

    def __init__(self, env: Clock, name: str, idle_cores: float = 0.0) -> None:
        self.env, self.name, self.idle_cores = env, name, idle_cores
        self.alive = True
        self.slow_factor = 1.0
        self.jobs: dict[Job, None] = {}
        self._idle_events: list[simpy.Event] = []
        self._started = self._metered = env.now
        self._busy_cores = 0.0
        self._busy_s = 0.0

    def accept(self, job: Job) -> bool:
        """Take a request in; False when nothing listens any more."""
        if not self.alive:
            return False
        self.jobs[job] = None
        self._admit(job)
        return True

    def kill(self) -> None:
        """SIGKILL: everything in the pod breaks, in the order it came in."""
        self._meter()
        self._busy_cores = 0.0
        self.alive = False
        jobs, self.jobs = self.jobs, {}
        for job in jobs:
            job.pod_finished(broken=True)

    def when_idle(self) -> simpy.Event:
        """Happens when the last request has left."""
        event = self.env.event()
        self._idle_events.append(event)
        return event

    def cpu_used_s(self) -> float:
        """CPU seconds since the process started, as /proc would count them."""
        self._meter()
        return self._busy_s + self.idle_cores * (self.env.now - self._started)

    def _admit(self, job: Job) -> None:
        raise NotImplementedError

    def _done(self, job: Job) -> None:
        del self.jobs[job]
        job.pod_finished(broken=False)
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
    """At most `workers` requests at a time, first come first served behind.

    A request's CPU is burnt evenly over its service time.
    """

    def __init__(self, env: Clock, name: str, workers: int, idle_cores: float = 0.0) -> None:
        super().__init__(env, name, idle_cores)
        self._free = workers
        self._waiting: deque[Job] = deque()

    def _admit(self, job: Job) -> None:
        if self._free:
            self._free -= 1
            self._serve(job)
        else:
            self._waiting.append(job)

    def _serve(self, job: Job) -> None:
        service_s = max(job.service_s, _SHORTEST_S)
        duration_s = service_s * self.slow_factor
        cores = job.cpu_s / service_s  # a slow pod burns as much a second, for longer
        self._burn(cores)
        self.env.after(duration_s, lambda: self._served(job, cores))

    def _served(self, job: Job, cores: float) -> None:
        if not self.alive:
            return
        self._burn(-cores)
        if self._waiting:
            self._serve(self._waiting.popleft())
        else:
            self._free += 1
        self._done(job)


class SharedCpuPod(Pod):
    """All requests at once: first each burns its CPU part, sharing the limit equally, then it waits for the rest.

    One request uses one core at most. `limit_cores` None is no limit. The shared part is processor sharing
    in virtual time: `_virtual_s` is the CPU a request present from the start would have got.
    """

    def __init__(self, env: Clock, name: str, limit_cores: float | None, idle_cores: float = 0.0) -> None:
        super().__init__(env, name, idle_cores)
        self._limit_cores = limit_cores
        self._virtual_s = 0.0
        self._updated = env.now
        self._burning: list[tuple[float, int, Job]] = []
        self._order = 0
        self._version = 0

    def _admit(self, job: Job) -> None:
        self._advance()
        self._order += 1
        heapq.heappush(self._burning, (self._virtual_s + job.cpu_s * self.slow_factor, self._order, job))
        self._plan_next()

    def _rate(self) -> float:
        """Cores each burning request gets."""
        if self._limit_cores is None:
            return 1.0
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
            _, _, job = heapq.heappop(self._burning)
            wait_s = max(0.0, job.service_s - job.cpu_s) * self.slow_factor
            self.env.after(wait_s, lambda job=job: self._waited(job))  # type: ignore[misc]
        self._plan_next()

    def _waited(self, job: Job) -> None:
        if self.alive:
            self._done(job)

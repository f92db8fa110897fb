"""A data plane that serves nobody: it remembers what it was told, and pods are as busy as a test says."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import simpy

from sim.clock import Clock


class FakePod:
    """A pod that holds `in_flight` requests until a test calls `finish`, and burns `cores` all the time."""

    def __init__(self, clock: Clock, name: str) -> None:
        self.clock, self.name = clock, name
        self.alive = self.reachable = True
        self.in_flight = self.accepted = 0
        self.factor = 1.0
        self.cold: tuple[float, float] | None = None
        self._idle: list[simpy.Event] = []
        self._cores = self._burnt_s = 0.0
        self._metered_s = clock.now

    def kill(self) -> None:
        self.burn(0.0)
        self.alive = False
        self.finish()

    def slow(self, factor: float) -> None:
        self.factor = factor

    def warm_up(self, factor: float, until_s: float) -> None:
        self.cold = (factor, until_s)

    def set_reachable(self, *, reachable: bool) -> None:
        self.reachable = reachable

    def cpu_used_s(self) -> float:
        return self._burnt_s + self._cores * (self.clock.now - self._metered_s)

    def when_idle(self) -> simpy.Event:
        self._idle.append(self.clock.event())
        return self._idle[-1]

    def burn(self, cores: float) -> None:
        self._burnt_s, self._metered_s, self._cores = self.cpu_used_s(), self.clock.now, cores

    def finish(self) -> None:
        self.in_flight = 0
        idle, self._idle = self._idle, []
        for event in idle:
            event.succeed()


@dataclass
class FakePlane:
    """`told` is (time, what, pod), for a mark (time, "up" or "down", pod@proxy)."""

    clock: Clock
    proxies: int = 1
    told: list[tuple[float, str, str]] = field(default_factory=list)
    pods: dict[str, FakePod] = field(default_factory=dict)
    arrivals: dict[str, int] = field(default_factory=dict)
    queues: dict[str, int] = field(default_factory=dict)

    def new_pod(self, deployment: str, name: str) -> FakePod:
        self.pods[name] = FakePod(self.clock, name)
        return self.pods[name]

    def add(self, deployment: str, pod: FakePod, *, new: bool = True) -> None:
        self._note("add", pod.name)

    def drain(self, deployment: str, pod: FakePod) -> None:
        self._note("drain", pod.name)

    def mark(self, deployment: str, pod: FakePod, proxy: int, *, up: bool) -> None:
        self._note("up" if up else "down", f"{pod.name}@{proxy}")

    def reload(self) -> None:
        self._note("reload", "")

    def arrived(self, deployment: str) -> int:
        return self.arrivals.get(deployment, 0)

    def queued(self, deployment: str) -> int:
        return self.queues.get(deployment, 0)

    def since(self, time_s: float) -> list[tuple[float, str, str]]:
        """What it was told after this time."""
        return [told for told in self.told if told[0] > time_s]

    def _note(self, what: str, whom: str) -> None:
        self.told.append((round(self.clock.now, 6), what, whom))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def plane(clock: Clock) -> FakePlane:
    return FakePlane(clock)

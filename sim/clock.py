"""SimPy's clock with calls at exact moments.

At one moment control-plane events come first (SimPy's own priority), then arrivals, then the data plane's
timers, each in the order they were scheduled. The compiled kernel keeps the same order, which is what makes its
fates comparable request by request.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

import simpy
from simpy.events import NORMAL, Event

CONTROL = int(NORMAL)
ARRIVAL = CONTROL + 1
DATA = CONTROL + 2


class Clock(simpy.Environment):
    """A SimPy environment. Its own timeouts add a delay to `now`, which can miss an absolute time by a rounding."""

    def __init__(self) -> None:
        super().__init__(initial_time=0.0)

    def at(self, time_s: float, action: Callable[[], object], priority: int = CONTROL) -> None:
        """Call `action` once, at exactly `time_s` (not before now). There is no cancelling: it checks that it still matters."""

        def call(_event: Event) -> None:
            action()

        self.until(time_s, priority).callbacks.append(call)

    def after(self, delay_s: float, action: Callable[[], object], priority: int = DATA) -> None:
        """Call `action` once, `delay_s` from now, as a timer of the data plane unless told otherwise."""
        self.at(self.now + delay_s, action, priority)

    def until(self, time_s: float, priority: int = CONTROL) -> Event:
        """An event for a process to wait for: it happens at exactly `time_s`."""
        event = Event(self)
        event._ok, event._value = True, None  # noqa: SLF001 - what simpy.Timeout does to be triggered already
        entry: Any = (max(float(time_s), self.now), priority, next(self._eid), event)
        heapq.heappush(self._queue, entry)
        return event

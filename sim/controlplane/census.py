"""How many pods are wanted, ready and in rotation: what the report draws."""

from __future__ import annotations

from collections.abc import Callable

from sim.clock import Clock
from sim.controlplane.replica import Replica

Note = Callable[[float, int, int, int], None]
"""Told (now_s, desired, ready, in rotation), summed over Deployments, whenever a count may have changed.

Only pods whose process runs are counted as ready or in rotation, whatever the API server or a proxy still believe.
"""


class Census:
    """Counts that are kept, so that a change costs the same however many pods there are."""

    def __init__(self, clock: Clock, note: Note) -> None:
        self._clock, self._note = clock, note
        self._desired: dict[str, int] = {}
        self._ready: set[Replica] = set()
        self._in_rotation: set[Replica] = set()

    def want(self, deployment: str, desired: int) -> None:
        """A Deployment is to have so many pods."""
        self._desired[deployment] = desired
        self._tell()

    def look(self, replica: Replica) -> None:
        """Something about this pod has changed."""
        alive = replica.alive
        (self._ready.add if alive and replica.ready else self._ready.discard)(replica)
        (self._in_rotation.add if alive and replica.in_rotation else self._in_rotation.discard)(replica)
        self._tell()

    def _tell(self) -> None:
        self._note(self._clock.now, sum(self._desired.values()), len(self._ready), len(self._in_rotation))

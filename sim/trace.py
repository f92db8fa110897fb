"""What happened in one replication, request by request."""

from __future__ import annotations

from dataclasses import dataclass, field

from sim.backend import Fate


@dataclass
class Trace:
    """The facts that figures are made of. Times are seconds from the schedule's first moment.

    fate, end_s       per request: what became of it, and when its client knew
    waited            (from, until) of every stay in a queue of the proxy
    served            (from, until) of every stay in a slot
    replicas          (time, desired, ready, in rotation), a row per change, summed over Deployments
    """

    fate: list[Fate]
    end_s: list[float]
    waited: list[tuple[float, float]] = field(default_factory=list)
    served: list[tuple[float, float]] = field(default_factory=list)
    replicas: list[tuple[float, int, int, int]] = field(default_factory=list)

    def add_wait(self, start_s: float, end_s: float) -> None:
        """A stay in a queue is over."""
        self.waited.append((start_s, end_s))

    def add_service(self, start_s: float, end_s: float) -> None:
        """A stay in a slot is over."""
        self.served.append((start_s, end_s))

    def note_replicas(self, now_s: float, desired: int, ready: int, in_rotation: int) -> None:
        """Replica counts from now on; of several changes at one moment only the last is kept."""
        row = (now_s, desired, ready, in_rotation)
        if self.replicas and self.replicas[-1][0] == now_s:
            self.replicas.pop()
        if not self.replicas or self.replicas[-1][1:] != row[1:]:
            self.replicas.append(row)

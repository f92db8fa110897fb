"""What happened in one replication, request by request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from sim.backend import Fate
from sim.intervals import Row


class Record(NamedTuple):
    """One request of a client. `pod` is the last one that had it, "" for none; `attempts` the client's own."""

    who: int
    kind: int
    intended_s: float
    end_s: float
    fate: Fate
    attempts: int
    pod: str


@dataclass
class Trace:
    """The facts that figures are made of. Times are seconds from the schedule's first moment.

    records           in the order in which the clients knew
    waited            (time, 1 or -1) whenever a stay in a queue of the proxies begins or ends
    served            (time, 1 or -1) whenever a stay in a slot does
    replicas          (time, desired, ready, in rotation), a row per change, summed over Deployments
    """

    records: list[Record] = field(default_factory=list)
    waited: list[tuple[float, int]] = field(default_factory=list)
    served: list[tuple[float, int]] = field(default_factory=list)
    replicas: list[Row] = field(default_factory=list)

    def in_order(self) -> list[Record]:
        """Records by intended time."""
        return sorted(self.records, key=lambda record: (record.intended_s, record.who))

    def add_wait(self, now_s: float, step: int) -> None:
        """A stay in a queue begins or ends."""
        self.waited.append((now_s, step))

    def add_service(self, now_s: float, step: int) -> None:
        """A stay in a slot begins or ends."""
        self.served.append((now_s, step))

    def note_replicas(self, now_s: float, desired: int, ready: int, in_rotation: int) -> None:
        """Replica counts from now on."""
        note_change(self.replicas, (now_s, desired, ready, in_rotation))


def note_change(rows: list[Row], row: Row) -> None:
    """Append a row (time, counts) if a count has changed; of several changes at one moment only the last is kept."""
    if rows and rows[-1][0] == row[0]:
        rows.pop()
    if not rows or rows[-1][1:] != row[1:]:
        rows.append(row)

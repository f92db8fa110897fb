"""Users of a locustfile over time, as planned and as told; without Locust, which patches whatever process imports it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from scenarios.traffic import PhaseSpan


class UserPhase(Protocol):
    """A stretch of `traffic.locustfile.phases`."""

    @property
    def name(self) -> str:
        """What figures call it."""

    @property
    def duration(self) -> float:
        """Seconds."""

    @property
    def users(self) -> int | tuple[int, int]:
        """So many, or from so many to so many along a line."""

    @property
    def surge(self) -> bool | None:
        """Whether its figures are the point; None: when its peak is at least half of the highest."""


@dataclass(frozen=True)
class Plan:
    """Users over time. `edge_s` are the n + 1 bounds of n phases, `ends` the users at both ends of each."""

    edge_s: tuple[float, ...]
    ends: tuple[tuple[int, int], ...]
    spans: tuple[PhaseSpan, ...]

    @classmethod
    def of(cls, phases: Sequence[UserPhase]) -> Plan:
        """The plan of a scenario's phases."""
        edges = tuple(itertools.accumulate((phase.duration for phase in phases), initial=0.0))
        ends = tuple(p.users if isinstance(p.users, tuple) else (p.users, p.users) for p in phases)
        half = max(map(max, ends)) / 2
        spans = tuple(
            PhaseSpan(p.name, start, end, max(two) >= half if p.surge is None else p.surge)
            for p, two, (start, end) in zip(phases, ends, itertools.pairwise(edges), strict=True)
        )
        return cls(edges, ends, spans)

    @property
    def duration_s(self) -> float:
        """When it is over."""
        return self.edge_s[-1]

    @property
    def most(self) -> int:
        """The highest number of users."""
        return max(map(max, self.ends))

    def users_at(self, t_s: float) -> int:
        """How many there are meant to be; before and after the plan as at its ends."""
        for (start, end), (first, last) in zip(itertools.pairwise(self.edge_s), self.ends, strict=True):
            if t_s < end:
                share = max(0.0, t_s - start) / (end - start)
                return int(first + (last - first) * share + 0.5)
        return self.ends[-1][1]

    def next_edge_s(self, t_s: float) -> float | None:
        """When the next phase starts; None in the last."""
        return next((edge for edge in self.edge_s[:-1] if edge > t_s), None)


@dataclass
class Told:
    """What is known of the users beside their rows: names of the kinds of requests by number, sentences, figures.

    `users` are [t_s, planned, running], about once a second; `raised` counts what tasks raised; `cut_off` are the
    users that were still inside a task when the grace at the end was over.
    """

    names: dict[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    users: list[tuple[float, int, int]] = field(default_factory=list)
    raised: dict[str, int] = field(default_factory=dict)
    cut_off: int = 0

    @classmethod
    def read(cls, records: Path) -> Told:
        """What was written beside the records; nothing when there is no such file."""
        path = users_path(records)
        if not path.exists():
            return cls()
        said = json.loads(path.read_text(encoding="utf-8"))
        names = {int(number): name for number, name in said["names"].items()}
        users = [(t_s, planned, running) for t_s, planned, running in said["users"]]
        return cls(names, tuple(said["notes"]), users, said["raised"], said["cut_off"])


def users_path(records: Path) -> Path:
    """The file of what is told, beside the records."""
    return records.with_suffix(".users.json")

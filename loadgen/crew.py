"""Whoever sends: this process alone (Locust's LocalRunner), or workers (loadgen.team)."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from locust.env import Environment
from numpy.typing import NDArray

from loadgen.locust_stats import tell_locust
from loadgen.openloop import Counts, ScheduleUser
from loadgen.order import Order
from loadgen.progress import Lags
from loadgen.records import rows_of

Took = Callable[[bytes, NDArray[np.float64]], None]
"""Takes packed rows and the lags in seconds of requests that were sent."""


@dataclass
class Member:
    """One who sends a share. `lost_at_s` is when it was last heard of, if it went without a word; CPU and wall are its own."""

    share: int
    of: int
    host: str
    planned: int
    counts: Counts = field(default_factory=Counts)
    complete: bool = False
    ended: bool = False
    cpu_s: float = 0.0
    wall_s: float = 0.0
    lost_at_s: float | None = None
    clock_uncertainty_s: float = 0.0
    lag: Lags = field(default_factory=Lags)

    def stats(self) -> dict[str, Any]:
        """What the run's stats say of it."""
        return {
            "share": self.share,
            "of": self.of,
            "host": self.host,
            "planned": self.planned,
            "sent": self.counts.sent,
            "cpu_s": self.cpu_s,
            "wall_s": self.wall_s,
            "dispatch_lag_p99_s": self.lag.quantile_s(0.99),
            "lost_at_s": self.lost_at_s,
        }


class Crew(Protocol):
    """All who send one order."""

    environment: Environment

    @property
    def members(self) -> Sequence[Member]:
        """Everybody, the lost ones too."""

    def start(self, epoch: float | None) -> float:
        """Get ready and begin at `epoch` (monotonic), or as soon as all are ready; the epoch. LoadError when they are not."""

    def collect(self, took: Took) -> None:
        """Hand over what has been measured since the last time."""

    def ended(self) -> bool:
        """Whether nobody is sending or waiting any more."""

    def stop(self) -> None:
        """Have all stop sending and keep what they have."""

    def quit(self) -> None:
        """Let everybody go."""


class Alone:
    """This process sends all of it."""

    SOON_S = 0.2

    def __init__(
        self, order: Order, environment: Environment | None = None, user: type[ScheduleUser] | None = None
    ) -> None:
        """With an environment of somebody else's, which has a local runner and this class of users, or with its own."""
        self._order, self._user = order, user or ScheduleUser.waiting()
        self.environment = environment or Environment(user_classes=[self._user])
        self._runner = self.environment.runner or self.environment.create_local_runner()
        self._me = Member(0, 1, platform.node(), len(order.schedule.intended_s))
        self.members = [self._me]

    def start(self, epoch: float | None) -> float:
        """Begin."""
        epoch = time.monotonic() + self.SOON_S if epoch is None else epoch
        self._sender, self._epoch_unix_s = self._order.sender(epoch), epoch + time.time() - time.monotonic()
        self._me.counts = self._sender.counts
        self._began_cpu_s, self._began_s = time.process_time(), epoch
        self._user.post.set(self._sender)
        self._runner.start(1, spawn_rate=1)
        return epoch

    def collect(self, took: Took) -> None:
        """Rows and lags."""
        self._me.cpu_s = time.process_time() - self._began_cpu_s
        self._me.wall_s = max(0.0, time.monotonic() - self._began_s)
        lag_s = self._sender.take_lags()
        self._me.lag.add(lag_s)
        packed = self._sender.recorder.take()
        tell_locust(self.environment.stats, rows_of(packed), self._order.requests, self._epoch_unix_s)
        took(packed, lag_s)
        self._me.complete, self._me.ended = self._sender.complete, self._sender.ended.is_set()

    def ended(self) -> bool:
        """Whether all was sent and answered, or the stop has been carried out."""
        return self._me.ended

    def stop(self) -> None:
        """At once."""
        self._sender.stopping.set()

    def quit(self) -> None:
        """End Locust's runner."""
        self._runner.quit()

"""When a run is given up: too many failures for too long."""

from __future__ import annotations

import re

from loadgen.errors import LoadError
from scenarios.units import parse_duration, parse_ratio

_ALLOWED = "a share of failures and how long it lasts, such as 20%:10s"


class Abort:
    """Fed once a second with counts since the start; seconds in which nothing ended neither add to the time nor end it."""

    def __init__(self, ratio: float, seconds: float) -> None:
        self.ratio, self.seconds = ratio, seconds
        self._since_s: float | None = None
        self._last_s, self._done, self._failed = 0.0, 0, 0

    @classmethod
    def parse(cls, text: str) -> Abort:
        """`20%:10s`; LoadError for anything else."""
        share, _, lasting = text.partition(":")
        try:
            ratio, seconds = parse_ratio(share), parse_duration(lasting)
        except ValueError:
            raise LoadError(f"--abort-on: {text}: {_ALLOWED}") from None
        if not ratio or not seconds or not re.search("[0-9]", share):
            raise LoadError(f"--abort-on: {text}: {_ALLOWED}, both above 0")
        return cls(ratio, seconds)

    def feed(self, t_s: float, done: int, failed: int) -> str | None:
        """A sentence when it is time to stop. `done` and `failed` requests have ended until `t_s`."""
        ended, bad = done - self._done, failed - self._failed
        began_s = self._last_s
        self._last_s, self._done, self._failed = t_s, done, failed
        if not ended:
            return None
        if bad < self.ratio * ended:
            self._since_s = None
            return None
        if self._since_s is None:
            self._since_s = began_s
        if t_s - self._since_s < self.seconds:
            return None
        return (
            f"given up {t_s:.1f} s into the schedule: at least {self.ratio:.0%} of requests failed for "
            f"{t_s - self._since_s:.0f} s (--abort-on)"
        )

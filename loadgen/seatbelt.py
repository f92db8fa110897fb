"""Refuses load that nobody meant: on hosts that are not ours, or faster than was allowed."""

from __future__ import annotations

import numpy as np

from loadgen.address import is_loopback
from loadgen.errors import LoadError
from scenarios.traffic import Schedule

# More than one machine's generator can send; a larger rate is a slip of the pen until somebody says otherwise.
MOST_RPS = 20_000.0


def allowed(target: str, *, owned: bool, max_rps: float | None, schedule: Schedule) -> None:
    """LoadError, one line, unless `target` (HOST:PORT) is loopback or owned and no second is faster than `max_rps`."""
    host = target.rpartition(":")[0].strip("[]")
    try:
        ours = owned or is_loopback(host)
    except OSError:
        raise LoadError(f"--to: {host}: a host that can be found") from None
    if not ours:
        raise LoadError(
            f"--to: {target}: loopback (127.0.0.0/8, ::1, localhost) only; add --i-own-this-host when it is yours to load"
        )
    slow_enough(schedule, max_rps)


def slow_enough(schedule: Schedule, max_rps: float | None) -> None:
    """LoadError, one line, when some second of a schedule is faster than `max_rps`; MOST_RPS when nothing is said."""
    limit = MOST_RPS if max_rps is None else max_rps
    counts = np.bincount(schedule.intended_s.astype(np.int64)) if len(schedule.intended_s) else np.zeros(1, np.int64)
    second = int(counts.argmax())
    if counts[second] > limit:
        raise LoadError(
            f"--max-rps: {limit:g}: the schedule sends {counts[second]} requests in second {second}; "
            "raise it when that is meant"
        )

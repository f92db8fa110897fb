"""When service is back after a surge."""

from __future__ import annotations

from collections.abc import Sequence

from scenarios.figures import Requests
from scenarios.schema import Slo
from scenarios.traffic import PhaseSpan

_STEP_S = 1.0


def recovery_s(requests: Requests, phases: Sequence[PhaseSpan], slo: Slo) -> float | None:
    """Seconds from the end of the last surge phase until the SLO holds for good.

    The answer is the smallest whole number of seconds k such that every later second of the schedule (by intended
    send time) that offers requests meets the success ratio and the p99 objective; 0 when that is so from the
    start, None when the last such second still fails, or when no phase is a surge.
    """
    ends = [phase.end_s for phase in phases if phase.surge]
    if not ends:
        return None
    end_s = phases[-1].end_s
    last_bad = 0.0
    start = ends[-1]
    while start < end_s:
        part = requests.within(start, start + _STEP_S)
        # At most 1 % of the successes above p99: the 99th percentile in words that need no interpolation.
        good = part.latency_s[part.fate == 0]
        slow = int((good > slo.p99).sum())
        if len(part.fate) and (len(good) < slo.success * len(part.fate) or slow > 0.01 * len(good)):
            last_bad = start + _STEP_S - ends[-1]
        start += _STEP_S
    return None if last_bad and ends[-1] + last_bad >= end_s else last_bad

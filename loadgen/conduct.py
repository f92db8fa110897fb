"""One run from its first request to its files: has a crew send, writes what comes in, says how it goes, judges nothing."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import gevent
import numpy as np
from gevent.event import Event
from numpy.typing import NDArray

from loadgen.abort import Abort
from loadgen.crew import Crew
from loadgen.machine import Watch
from loadgen.openloop import MOST_OUTSTANDING
from loadgen.progress import Progress, Said
from loadgen.records import rows_of
from scenarios.traffic import PhaseSpan

_TICK_S = 0.25
_REPORT_TICKS = 4
_STOP_S = 4.0


class View(Protocol):
    """Whoever shows the run while it lasts."""

    def feed(self, line: dict[str, Any]) -> None:
        """One second more."""


@dataclass(frozen=True)
class Conducted:
    """How a run is to be conducted. `epoch` None: as soon as all are ready."""

    records: Path
    stats: Path
    epoch: float | None
    abort: Abort | None
    view: View | None
    say: Callable[[dict[str, Any]], None]
    most_outstanding: int = MOST_OUTSTANDING


def conduct(crew: Crew, planned: int, phases: tuple[PhaseSpan, ...], how: Conducted, stopping: Event) -> dict[str, Any]:
    """Send everything, or what is sent until `stopping`; the stats, which are in their file too."""
    epoch = crew.start(how.epoch)
    watch = Watch()
    spare = os.open(os.devnull, os.O_RDONLY)  # so that the stats can be written when requests have taken the rest
    how.say({"epoch": epoch})
    progress, aborted = Progress(epoch, phases), None
    with how.records.open("ab", buffering=0) as file:

        def took(packed: bytes, lag_s: NDArray[np.float64]) -> None:
            file.write(packed)
            progress.add(rows_of(packed), lag_s)

        began, tick, until = time.monotonic(), 0, float("inf")
        while not crew.ended() and time.monotonic() < until:
            tick += 1
            left_s = max(0.0, began + tick * _TICK_S - time.monotonic())
            if until == float("inf"):
                stopping.wait(left_s)  # a stop is heard at once
            else:
                gevent.sleep(left_s)
            crew.collect(took)
            watch.sample()
            if tick % _REPORT_TICKS == 0 or crew.ended():
                said = _said(crew, progress)
                how.say(asdict(said))
                if how.view is not None:
                    how.view.feed(asdict(said))
                if how.abort is not None and aborted is None:
                    aborted = how.abort.feed(said.t_s, said.done, said.failed)
            if (aborted is not None or stopping.is_set()) and until == float("inf"):
                crew.stop()
                until = time.monotonic() + _STOP_S
        crew.collect(took)
    os.close(spare)
    stats = _stats(crew, planned, progress, watch, aborted, how.most_outstanding)
    how.stats.write_text(json.dumps(stats, indent=1), encoding="utf-8")
    return stats


def _said(crew: Crew, progress: Progress) -> Said:
    members = crew.members
    return progress.report(
        sent=sum(member.counts.sent for member in members),
        outstanding=sum(member.counts.outstanding for member in members if not member.ended),
        workers=sum(not member.ended for member in members),
    )


def _stats(
    crew: Crew, planned: int, progress: Progress, watch: Watch, aborted: str | None, limit: int
) -> dict[str, Any]:
    members, lag = crew.members, progress.lag
    return {
        "planned": planned,
        "sent": sum(member.counts.sent for member in members),
        "complete": all(member.complete for member in members),
        "dropped_outstanding": sum(member.counts.dropped_outstanding for member in members),
        "dropped_own_limits": sum(member.counts.dropped_own_limits for member in members),
        "outstanding_max": max(member.counts.outstanding_max for member in members),
        "outstanding_limit": limit,
        "dispatch_lag_p50_s": lag.quantile_s(0.5),
        "dispatch_lag_p99_s": lag.quantile_s(0.99),
        "dispatch_lag_max_s": lag.max_s,
        "cpu_s": sum(member.cpu_s for member in members),
        "wall_s": max(member.wall_s for member in members),
        "aborted": aborted,
        "own_errors": {
            name: sum(member.counts.own_errors[name] for member in members) for name in members[0].counts.own_errors
        },
        "workers": [member.stats() for member in members],
        "machine": watch.report(),
        "clock_uncertainty_s": max(member.clock_uncertainty_s for member in members),
    }

"""Whether a run measured the product or its own bottleneck. Reasons say what was seen, its bound, and what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from scenarios.outcome import Validity

# A generator that is late by more than this distorts a typical latency of 50 ms by 10 %, or all of it.
LAG_DEGRADED_S, LAG_INVALID_S = 0.005, 0.050
# Above these shares of the machine, pods, proxy and generator fight for cores, and the model knows nothing of it.
BUSY_DEGRADED, BUSY_INVALID = 0.85, 0.97
# A process that uses so much of its core is late in bursts that an average does not show.
CORE_DEGRADED = 0.9
SENT_SHARE = 0.999
# Share of descriptors and ephemeral ports in use from which on the next burst may find none.
NEARLY_USED_UP = 0.9
# The proxy's log is joined by the wall clock, in milliseconds.
CLOCK_STEP_S = 0.050
# The generator looks around four times a second; a gap beyond this is a pause of its process.
LOOP_GAP_DEGRADED_S, LOOP_GAP_INVALID_S = 1.0, 2.0
# Half of the way there and back to a worker: what its clock may be off by.
CLOCK_UNCERTAINTY_S = 0.005

Severity = Literal["invalid", "degraded"]


@dataclass(frozen=True)
class Around:
    """What the target measured beside the generator: cores on average, and what no prediction could know of."""

    proxy_cores: float
    pods_cores: float
    machine_busy_ratio: float
    ended_early: str | None = None
    surprises: Sequence[str] = field(default=())


def judge(planned: int, sent: int, stats: Mapping[str, Any], around: Around) -> Validity:
    """The verdict on a run. `stats` is what the generator wrote at its end; empty when it was killed before."""
    found = [*_of_the_run(planned, sent, stats, around), *_of_the_machine(stats, around)]
    invalid = [reason for severity, reason in found if severity == "invalid"]
    degraded = [reason for severity, reason in found if severity == "degraded"]
    return Validity(
        verdict="invalid" if invalid else "degraded" if degraded else "valid",
        reasons=(*invalid, *degraded),
        planned=planned,
        sent=sent,
        dispatch_lag_p99_s=stats.get("dispatch_lag_p99_s"),
        generator_cores=stats["cpu_s"] / stats["wall_s"] if stats.get("wall_s") else None,
        proxy_cores=around.proxy_cores,
        pods_cores=around.pods_cores,
        machine_busy_ratio=around.machine_busy_ratio,
        machine_cores=len(os.sched_getaffinity(0)),
    )


def _of_the_run(planned: int, sent: int, stats: Mapping[str, Any], around: Around) -> Iterator[tuple[Severity, str]]:
    """What became of the schedule."""
    if around.ended_early:
        yield "invalid", around.ended_early
    if stats.get("aborted"):
        yield "invalid", stats["aborted"]
    for surprise in around.surprises:
        yield "degraded", surprise
    if sent < SENT_SHARE * planned:
        yield "invalid", f"{sent} of {planned} planned requests were sent"
    if stats.get("dropped_outstanding"):
        yield (
            "degraded",
            (
                f"{stats['dropped_outstanding']} requests were not sent, {stats['outstanding_limit']} being outstanding already; "
                "shorten the time-outs or send from more processes"
            ),
        )
    for what, count in stats.get("own_errors", {}).items():
        if count:
            how = {
                "ports": "this machine's ports were used up; keep connections alive or use more clients",
                "descriptors": "this machine's file descriptors were used up; raise its limit of open files",
            }
            yield (
                "degraded",
                f"{count} requests never left: {how.get(what, 'a connection failed on this machine itself')}",
            )
    for worker in stats.get("workers", ()):
        if worker["lost_at_s"] is not None:
            yield (
                "invalid",
                (
                    f"worker {worker['share'] + 1} of {worker['of']} on {worker['host']} was lost {worker['lost_at_s']:.1f} s "
                    f"into the schedule, and {1 / worker['of']:.0%} of the load with it"
                ),
            )
    lag_s = stats.get("dispatch_lag_p99_s")
    if lag_s is not None and lag_s > LAG_DEGRADED_S:
        yield (
            "invalid" if lag_s > LAG_INVALID_S else "degraded",
            (
                f"the generator was late by {lag_s * 1000:.1f} ms at its 99th percentile "
                f"({LAG_DEGRADED_S * 1000:.0f} ms allowed); send from more processes or a machine of its own"
            ),
        )


def _of_the_machine(stats: Mapping[str, Any], around: Around) -> Iterator[tuple[Severity, str]]:
    """What the generator's machine and clocks did."""
    for worker in stats.get("workers", ()):
        cores = worker["cpu_s"] / worker["wall_s"] if worker["wall_s"] else 0.0
        if cores > CORE_DEGRADED:
            who = "the generator" if worker["of"] == 1 else f"worker {worker['share'] + 1} of {worker['of']}"
            yield "degraded", f"{who} used {cores:.2f} of the one core it can use; send from more processes"
    if around.machine_busy_ratio > BUSY_DEGRADED:
        severity: Severity = "invalid" if around.machine_busy_ratio > BUSY_INVALID else "degraded"
        yield severity, f"the machine was {around.machine_busy_ratio:.0%} busy, so that the parts fought for cores"
    machine = stats.get("machine", {})
    for what, used, limit in (
        ("file descriptors", "descriptors_max", "descriptors_limit"),
        ("ephemeral ports", "ports_used_max", "ports_limit"),
    ):
        if machine.get(used, 0) > NEARLY_USED_UP * machine.get(limit, float("inf")):
            yield (
                "degraded",
                f"{machine[used]:.0f} of {machine[limit]:.0f} {what} were in use on the generator's machine",
            )
    if machine.get("clock_step_s", 0.0) > CLOCK_STEP_S:
        yield "invalid", f"the machine's clock jumped by {machine['clock_step_s']:.3f} s during the run"
    if machine.get("suspended_s", 0.0) > CLOCK_STEP_S:
        yield "invalid", f"the machine was suspended for {machine['suspended_s']:.1f} s during the run"
    gap_s = machine.get("loop_gap_max_s", 0.0)
    if gap_s > LOOP_GAP_DEGRADED_S:
        yield (
            "invalid" if gap_s > LOOP_GAP_INVALID_S else "degraded",
            f"the generator stood still for {gap_s:.1f} s: it was stopped, or had no core",
        )
    uncertain_s = stats.get("clock_uncertainty_s", 0.0)
    if uncertain_s > CLOCK_UNCERTAINTY_S:
        yield (
            "degraded",
            f"a worker's clock is known to {uncertain_s * 1000:.1f} ms only; its network is too slow or busy",
        )

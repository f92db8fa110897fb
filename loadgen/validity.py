"""Whether a run measured the product or its own bottleneck."""

from __future__ import annotations

import os
from collections.abc import Sequence

from scenarios.outcome import Validity

# A generator that is late by more than this distorts a typical latency of 50 ms by 10 %, or all of it.
LAG_DEGRADED_S, LAG_INVALID_S = 0.005, 0.050
# Above these shares of the machine, pods, proxy and generator fight for cores, and the model knows nothing of it.
BUSY_DEGRADED, BUSY_INVALID = 0.85, 0.97
SENT_SHARE = 0.999


def judge(
    *,
    planned: int,
    sent: int,
    lag_p99_s: float | None,
    generator_cores: float | None,
    proxy_cores: float,
    pods_cores: float,
    machine_busy_ratio: float,
    ended_early: str | None,
    surprises: Sequence[str],
) -> Validity:
    """The verdict with its reasons. `surprises` are events the prediction could not know of; they degrade a run."""
    invalid = [ended_early] if ended_early else []
    degraded = list(surprises)
    if sent < SENT_SHARE * planned:
        invalid.append(f"{sent} of {planned} planned requests were sent")
    if lag_p99_s is not None and lag_p99_s > LAG_DEGRADED_S:
        reason = f"the generator was late by {lag_p99_s * 1000:.1f} ms at its 99th percentile"
        (invalid if lag_p99_s > LAG_INVALID_S else degraded).append(reason)
    if generator_cores is not None and generator_cores > 0.9:
        degraded.append(f"the generator used {generator_cores:.2f} of the one core it can use")
    if machine_busy_ratio > BUSY_DEGRADED:
        reason = f"the machine was {machine_busy_ratio:.0%} busy, so that the parts fought for cores"
        (invalid if machine_busy_ratio > BUSY_INVALID else degraded).append(reason)
    return Validity(
        verdict="invalid" if invalid else "degraded" if degraded else "valid",
        reasons=(*invalid, *degraded),
        planned=planned,
        sent=sent,
        dispatch_lag_p99_s=lag_p99_s,
        generator_cores=generator_cores,
        proxy_cores=proxy_cores,
        pods_cores=pods_cores,
        machine_busy_ratio=machine_busy_ratio,
        machine_cores=len(os.sched_getaffinity(0)),
    )

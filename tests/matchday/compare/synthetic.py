"""A surge as a fluid: plausible outcomes for tests of comparison and report, without running a model or a proxy.

20 s base at 12 rps, 60 s at 240 rps that two pods cannot hold, until the autoscaler has caught up, 20 s whistle.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from scenarios.outcome import (
    FAILURE_KINDS,
    Failures,
    Figure,
    Interval,
    Latency,
    Outcome,
    PhaseOutcome,
    ReplicaChange,
    Series,
    SloOutcome,
    Validity,
)

PHASES = (("warm-up", 0, 20, False), ("surge", 20, 80, True), ("whistle", 80, 100, False))
SCENARIO_SHA256 = "5c" * 32
CALIBRATION_SHA256 = "ca" * 32
QUANTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p999": 99.9, "max": 100.0}
POD_RPS, QUEUE_LIMIT_S, SERVICE_S = 55.0, 3.0, 0.058


@dataclass(frozen=True)
class Fluid:
    """One run, second by second."""

    offered: np.ndarray
    served: np.ndarray
    wait_s: np.ndarray
    queued: np.ndarray
    in_flight: np.ndarray
    latency_s: list[np.ndarray]  # of each second's requests
    replicas: tuple[tuple[float, int, int], ...]  # time_s, desired, ready


def flow(rng: np.random.Generator, *, offered: np.ndarray, slowness: float = 1.0) -> Fluid:
    """Serve the offered load with pods that an autoscaler adds every five seconds."""
    n = len(offered)
    capacity = POD_RPS / slowness * rng.normal(1, 0.015)
    desired, ready, pending = 2, 2, []
    changes = [(0.0, 2, 2)]
    served, wait, queued, busy = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    queue = 0.0
    for t in range(n):
        if t and t % 5 == 0:
            need = int(np.clip(np.ceil(offered[max(0, t - 5) : t].mean() / (0.75 * POD_RPS)), 2, 10))
            limit = min(need, max(2 * desired, 4)) if need > desired else need
            if (t > 90 and limit < desired) or limit > desired:
                if limit > desired:
                    pending.append((t + 0.2 + rng.normal(3.6, 0.2), limit))
                else:
                    ready = limit
                desired = limit
                changes.append((t + 0.2, desired, ready))
        for due, count in [p for p in pending if p[0] <= t + 1]:
            ready = count
            changes.append((round(due, 2), desired, ready))
            pending.remove((due, count))
        slots = ready * capacity
        queue += offered[t]
        done = min(queue, slots)
        queue -= done
        lost = max(0.0, queue - QUEUE_LIMIT_S * slots)
        queue -= lost
        served[t], wait[t], queued[t], busy[t] = done, queue / slots, queue, done * SERVICE_S
    latency = [
        w + SERVICE_S * slowness * rng.lognormal(-0.1, 0.45, max(1, int(d))) for w, d in zip(wait, served, strict=True)
    ]
    return Fluid(offered, served, wait, queued, busy, latency, tuple(sorted(changes)))


def spread(values: list[float]) -> Interval:
    low, middle, high = np.percentile(values, [5, 50, 95])
    return Interval(value=float(middle), low=float(low), high=float(high))


def merge(values: list[float], kind: str) -> Figure:
    return spread(values) if kind == "predicted" else float(values[0])


def phase(runs: list[Fluid], kind: str, name: str, start: int, end: int, surge: bool) -> PhaseOutcome:
    part = slice(start, end)
    success = [float(np.clip(r.served[part].sum() / r.offered[part].sum(), 0, 1)) for r in runs]
    requests = [np.concatenate(r.latency_s[part]) for r in runs]
    latency = {name: merge([float(np.percentile(r, q)) for r in requests], kind) for name, q in QUANTILES.items()}
    mean = merge([float(r.mean()) for r in requests], kind)
    shares = {"queue_timeout": 0.93, "client_timeout": 0.06, "connect": 0.01}
    failures = {k: merge([shares.get(k, 0.0) * (1 - s) for s in success], kind) for k in FAILURE_KINDS}
    return PhaseOutcome(
        name=name,
        start_s=start,
        end_s=end,
        surge=surge,
        offered_rps=merge([float(r.offered[part].mean()) for r in runs], kind),
        goodput_rps=merge([float(r.offered[part].mean() * s) for r, s in zip(runs, success, strict=True)], kind),
        success_ratio=merge(success, kind),
        failures=Failures(**failures),
        latency_s=Latency(mean=mean, **latency),
    )


def series(runs: list[Fluid], kind: str) -> Series:
    def each(column: str) -> tuple[Figure, ...]:
        return tuple(merge([float(getattr(r, column)[t]) for r in runs], kind) for t in range(len(runs[0].offered)))

    def quantile(q: float) -> tuple[Figure | None, ...]:
        return tuple(
            merge([float(np.percentile(r.latency_s[t], q)) for r in runs], kind) for t in range(len(runs[0].offered))
        )

    return Series(
        bucket_s=1.0,
        time_s=tuple(float(t) for t in range(len(runs[0].offered))),
        offered_rps=each("offered"),
        goodput_rps=each("served"),
        p50_s=quantile(50),
        p95_s=quantile(95),
        p99_s=(None, *quantile(99)[1:]),
        queued=each("queued"),
        in_flight=each("in_flight"),
    )


def replicas(runs: list[Fluid], kind: str) -> tuple[ReplicaChange, ...]:
    def at(run: Fluid, time_s: float, column: int) -> float:
        return float([row for row in run.replicas if row[0] <= time_s][-1][column])

    rows = []
    for t in sorted({row[0] for r in runs for row in r.replicas}):
        desired, ready = (merge([at(r, t, c) for r in runs], kind) for c in (1, 2))
        rows.append(ReplicaChange(time_s=t, desired=desired, ready=ready, in_rotation=ready))
    return tuple(rows)


def outcome(
    kind: str, *, seed: int = 1, slowness: float = 1.0, peak_rps: float = 240, verdict: str = "valid"
) -> Outcome:
    """A whole outcome, predicted by 20 fluids or measured on one."""
    arrivals = np.random.default_rng(seed)
    rates = np.repeat([12.0, peak_rps, 12.0], [20, 60, 20])
    offered = arrivals.poisson(rates).astype(float)
    rng = np.random.default_rng([seed, 0 if kind == "predicted" else 1])
    runs = [flow(rng, offered=offered, slowness=slowness) for _ in range(20 if kind == "predicted" else 1)]
    total = phase(runs, kind, "total", 0, 100, surge=False)
    p99, success = total.latency_s.p99, total.success_ratio
    met = [
        float(np.percentile(np.concatenate(r.latency_s), 99)) < 0.4 and bool(r.served.sum() / r.offered.sum() > 0.995)
        for r in runs
    ]
    return Outcome.model_validate(
        {
            "schema": "matchday/outcome/v1",
            "kind": kind,
            "scenario": "quick",
            "scenario_sha256": SCENARIO_SHA256,
            "calibration_sha256": CALIBRATION_SHA256,
            "seed": seed,
            "replications": len(runs),
            "created_at": "2026-07-08T18:59:02+00:00" if kind == "predicted" else "2026-07-08T19:01:10+00:00",
            "matchday_version": "0.1.0",
            "total": total,
            "phases": tuple(phase(runs, kind, *p) for p in PHASES),
            "series": series(runs, kind),
            "replicas": replicas(runs, kind),
            "recovery_s": 0.0 if kind == "measured" else Interval(value=0.0, low=0.0, high=1.0),
            "slo": SloOutcome(
                p99_s=p99, success_ratio=success, met=met[0] if kind == "measured" else float(np.mean(met))
            ),
            "validity": validity(verdict, int(offered.sum())) if kind == "measured" else None,
        }
    )


def validity(verdict: str, planned: int) -> Validity:
    reasons = {
        "valid": (),
        "degraded": ("pods used 1.7 of 2 cores",),
        "invalid": ("dispatch lag p99 312 ms, 20 ms allowed",),
    }
    return Validity.model_validate(
        {
            "verdict": verdict,
            "reasons": reasons[verdict],
            "planned": planned,
            "sent": planned,
            "dispatch_lag_p99_s": 0.312 if verdict == "invalid" else 0.0031,
            "generator_cores": 0.31,
            "proxy_cores": 0.06,
            "pods_cores": 0.52,
            "machine_busy_ratio": 0.58,
            "machine_cores": 2,
        }
    )


@cache
def predicted() -> Outcome:
    return outcome("predicted")


@cache
def measured(verdict: str = "valid", *, slowness: float = 1.03, peak_rps: float = 240) -> Outcome:
    return outcome("measured", slowness=slowness, verdict=verdict, peak_rps=peak_rps)

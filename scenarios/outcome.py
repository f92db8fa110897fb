"""What a surge did, predicted or measured: the one result type, written as `matchday/outcome/v1` JSON.

Times are seconds from the first moment of the schedule, ratios are of offered requests, and latencies are
of successful requests counted from the intended send time. In a predicted outcome every figure is a
`Figure` (the median replication and its 5th and 95th percentiles); in a measured one a plain number.
A figure that does not exist (the p99 of no successes, a recovery that never came) is null.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FAILURE_KINDS = (
    "queue_timeout",
    "rate_limited",
    "denied",
    "no_server",
    "connect",
    "server_error",
    "client_timeout",
    "aborted",
)


class Record(BaseModel):
    """Base of all result types: immutable, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(Record):
    """A predicted figure: median over replications, 5th and 95th percentile."""

    value: float
    low: float
    high: float


Figure = Interval | float


class Failures(Record):
    """Why requests failed, as ratios of offered."""

    queue_timeout: Figure
    rate_limited: Figure
    denied: Figure
    no_server: Figure
    connect: Figure
    server_error: Figure
    client_timeout: Figure
    aborted: Figure


class Latency(Record):
    """Seconds from the intended send time to the last byte, of successful requests."""

    mean: Figure | None
    p50: Figure | None
    p90: Figure | None
    p95: Figure | None
    p99: Figure | None
    p999: Figure | None
    max: Figure | None


class PhaseOutcome(Record):
    """The figures of one phase (by intended send time), or of the whole run."""

    name: str
    start_s: float
    end_s: float
    surge: bool
    offered_rps: Figure
    goodput_rps: Figure
    success_ratio: Figure | None
    failures: Failures
    latency_s: Latency


class Series(Record):
    """Figures per time bucket; a request belongs to the bucket of its intended send time.

    `queued` and `in_flight` are time averages within the bucket of requests waiting in the proxy for a
    slot and of requests a pod is serving.
    """

    bucket_s: float
    time_s: tuple[float, ...]
    offered_rps: tuple[Figure, ...]
    goodput_rps: tuple[Figure, ...]
    p50_s: tuple[Figure | None, ...]
    p95_s: tuple[Figure | None, ...]
    p99_s: tuple[Figure | None, ...]
    queued: tuple[Figure, ...]
    in_flight: tuple[Figure, ...]


class ReplicaChange(Record):
    """Replica counts from `time_s` until the next row; summed over Deployments when there are several."""

    time_s: float
    desired: Figure
    ready: Figure
    in_rotation: Figure


class SloOutcome(Record):
    """Whether the objective was met over the whole run; predicted: the share of replications that met it."""

    p99_s: Figure | None
    success_ratio: Figure | None
    met: float | bool


class Validity(Record):
    """What proves that generator, proxy and machine were not the bottleneck; cores are averages over the run."""

    verdict: Literal["valid", "degraded", "invalid"]
    reasons: tuple[str, ...] = ()
    planned: int
    sent: int
    dispatch_lag_p99_s: float | None = None
    generator_cores: float | None = None
    proxy_cores: float | None = None
    pods_cores: float | None = None
    machine_busy_ratio: float | None = None
    machine_cores: int


class Outcome(Record):
    """A whole run, predicted or measured."""

    schema_: Literal["matchday/outcome/v1"] = Field("matchday/outcome/v1", alias="schema")
    kind: Literal["predicted", "measured"]
    scenario: str
    scenario_sha256: str
    calibration_sha256: str | None = None
    seed: int
    replications: int
    created_at: str
    matchday_version: str
    total: PhaseOutcome
    phases: tuple[PhaseOutcome, ...]
    series: Series
    replicas: tuple[ReplicaChange, ...]
    recovery_s: Figure | None
    slo: SloOutcome
    validity: Validity | None = None

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

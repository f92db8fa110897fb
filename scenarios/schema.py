"""The scenario file: what manifests cannot say. One pydantic model a section; units as people write them."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from scenarios.units import Duration, Rate, Ratio, Size

Positive = Annotated[Duration, Field(gt=0)]


def near_miss(word: str, known: list[str]) -> str:
    """`; did you mean ...?` when a known word is close, else nothing."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def _by_key(*keys: str) -> Discriminator:
    """Tells the members of a union apart by the one key that each of them has."""

    def which(value: Any) -> str | None:
        if isinstance(value, dict):
            return next((key for key in keys if key in value), None)
        return next((key for key in keys if hasattr(value, key)), None)

    return Discriminator(
        which,
        custom_error_type="which_key",
        custom_error_message="one of {allowed}",
        custom_error_context={"allowed": ", ".join(f"`{key}: ...`" for key in keys)},
    )


def _by_type(kind: type[list[Any] | dict[str, Any]], name: str, other: str) -> Discriminator:
    """Tells the members of a union apart by what stands in the YAML: this type, or anything else."""
    which: Callable[[Any], str] = lambda value: name if isinstance(value, (kind, tuple, BaseModel)) else other  # noqa: E731 - one expression
    return Discriminator(which)


class Section(BaseModel):
    """Base of all sections: unknown keys are mistakes, values are immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        if isinstance(value, dict):
            known = list(cls.model_fields)
            for key in value:
                if key not in known:
                    hint = near_miss(str(key), known) or f"; known here: {', '.join(known)}"
                    raise PydanticCustomError("unknown_key", "no such key{hint}", {"key": key, "hint": hint})
        return value


class Phase(Section):
    """A stretch of constant rate, or of a linear ramp `[from, to]` integrated exactly.

    `at`, when given, must be where the phase before it ends. `surge` marks phases whose figures are the
    point of the rehearsal; left out, those whose highest rate is at least half of the scenario's.
    """

    name: Annotated[str, Field(min_length=1)]
    duration: Positive
    rps: Annotated[
        Annotated[Rate, Tag("rate")] | Annotated[tuple[Rate, Rate], Tag("ramp")], _by_type(list, "ramp", "rate")
    ]
    at: Duration | None = None
    surge: bool | None = None


class TracePhase(Section):
    """A named stretch of a trace: starts at the row whose `minute` reads `since`, ends where the next starts."""

    name: Annotated[str, Field(min_length=1)]
    since: str
    surge: bool | None = None


class Trace(Section):
    """Counts per minute from a CSV file with columns `minute,requests`.

    `speed` 60 plays an hour in a minute; `scale_to_peak_rps` rescales so that the busiest row has that
    rate. The rate is constant within a row.
    """

    file: str
    speed: Annotated[float, Field(gt=0)] = 1.0
    scale_to_peak_rps: Annotated[Rate, Field(gt=0)] | None = None
    phases: tuple[TracePhase, ...] = ()


class Bursty(Section):
    """Poisson bursts of geometric size with this mean, all of a burst at one instant."""

    burst: Annotated[float, Field(ge=1)]


class BurstyArrivals(Section):
    """`arrivals: {bursty: {burst: 4}}`."""

    bursty: Bursty


class Request(Section):
    """One kind of request of the mix.

    `path` may hold `{key}`, drawn uniformly from 0..keys-1. `timeout` ends an attempt as the client sees
    it; a failed or timed-out attempt is repeated up to `retries` times, `backoff * 2**i` later, jittered
    by a uniform factor between 0.5 and 1.5.
    """

    host: str
    path: Annotated[str, Field(pattern="^/")]
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    weight: Annotated[float, Field(gt=0)] = 1.0
    timeout: Positive = 10.0
    retries: Annotated[int, Field(ge=0, le=10)] = 0
    backoff: Duration = 0.1
    keys: Annotated[int, Field(ge=1)] = 1


class Traffic(Section):
    """The load: exactly one of `phases` and `trace`. `clients` is how many source addresses it comes from."""

    arrivals: Annotated[
        Annotated[Literal["poisson", "even"], Tag("word")] | Annotated[BurstyArrivals, Tag("section")],
        _by_type(dict, "section", "word"),
    ] = "poisson"
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)] | None = None
    trace: Trace | None = None
    requests: Annotated[tuple[Request, ...], Field(min_length=1)]
    clients: Annotated[int, Field(ge=1, le=60_000)] = 1


class LogNormal(Section):
    """Mean and coefficient of variation (standard deviation / mean)."""

    mean: Positive
    cv: Annotated[float, Field(gt=0, le=10)]


class Exponential(Section):
    """Mean only."""

    mean: Positive


class LogNormalTime(Section):
    """`{lognormal: {mean: 40ms, cv: 0.6}}`."""

    lognormal: LogNormal


class ExponentialTime(Section):
    """`{exponential: {mean: 40ms}}`."""

    exponential: Exponential


class ConstantTime(Section):
    """`{constant: 40ms}`."""

    constant: Positive


ServiceTime = Annotated[
    Annotated[LogNormalTime, Tag("lognormal")]
    | Annotated[ExponentialTime, Tag("exponential")]
    | Annotated[ConstantTime, Tag("constant")],
    _by_key("lognormal", "exponential", "constant"),
]


class PathBehaviour(Section):
    """What a pod does with a request: total time when nothing contends, CPU burnt in it, body bytes."""

    time: ServiceTime
    cpu: Duration = 0.0
    bytes: Size = 1024


class Startup(Section):
    """From the start of a pod's process to its first ready answer; lognormal, constant when cv is 0."""

    mean: Positive
    cv: Annotated[float, Field(ge=0, le=10)] = 0.0


class Workload(Section):
    """How pods behave; measured values replace it after calibration.

    `paths` is keyed by the request mix's paths. `workers` is how many requests a pod serves at once, FIFO
    behind (`discipline: workers`); with `shared-cpu` all are served at once and share the CPU limit for
    their CPU part. `command` runs the user's own server as the pod, `{host}` and `{port}` filled in.
    """

    paths: Annotated[dict[str, PathBehaviour], Field(min_length=1)]
    startup: Startup
    discipline: Literal["workers", "shared-cpu"] = "workers"
    workers: Annotated[int, Field(ge=1)] = 16
    command: tuple[str, ...] | None = None


class Cluster(Section):
    """Timing of the control plane around the manifests.

    `hpa_sync`: the autoscaler's period. `metrics_resolution`: how often CPU is sampled; a usage is the
    average between the last two samples. `start_delay`: from the scale decision to the pod's process,
    beyond what calibration measures.
    """

    hpa_sync: Positive = 15.0
    metrics_resolution: Positive = 15.0
    start_delay: Duration = 0.0


class Slo(Section):
    """What must hold: the 99th percentile of latency at most `p99`, the success ratio at least `success`."""

    p99: Positive
    success: Ratio


class Cost(Section):
    """Price of one pod for one hour."""

    pod_hour: Annotated[float, Field(ge=0)]
    currency: Annotated[str, Field(min_length=1, max_length=8)]


class Slow(Section):
    """`pods` pods, oldest first, take `factor` times as long for `duration`."""

    pods: Annotated[int, Field(ge=1)] = 1
    factor: Annotated[float, Field(gt=1)]
    duration: Positive


class KillDisturbance(Section):
    """`kill` pods, oldest first, die without warning at `at` (SIGKILL); their Deployment replaces them."""

    at: Duration
    kill: Annotated[int, Field(ge=1)]


class SlowDisturbance(Section):
    """Pods turn slow at `at`."""

    at: Duration
    slow: Slow


Disturbance = Annotated[
    Annotated[KillDisturbance, Tag("kill")] | Annotated[SlowDisturbance, Tag("slow")], _by_key("kill", "slow")
]


class Scenario(Section):
    """A whole scenario file."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
    description: str = ""
    manifests: Annotated[tuple[str, ...], Field(min_length=1)]
    seed: Annotated[int, Field(ge=0)] = 1
    traffic: Traffic
    workload: Workload
    cluster: Cluster = Cluster()
    slo: Slo
    cost: Cost | None = None
    disturbances: tuple[Disturbance, ...] = ()

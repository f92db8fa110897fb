"""The scenario file: what manifests cannot say. One pydantic model a section; units as people write them.

The text under each field is what docs/scenario.md and the JSON Schema say of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from scenarios.units import Duration, Flag, Number, Positive, Rate, Ratio, Size, Whole

# Marks the names of union members, which stand in a pydantic error's path but in no file.
MEMBER = "member:"


def _by_key(*keys: str) -> Discriminator:
    """Tells the members of a union apart by the one key that each of them has."""

    def which(value: Any) -> str | None:
        if isinstance(value, dict):
            return next((MEMBER + key for key in keys if key in value), None)
        return next((MEMBER + key for key in keys if hasattr(value, key)), None)

    return Discriminator(
        which,
        custom_error_type="which_key",
        custom_error_message="one of {allowed}",
        custom_error_context={"allowed": ", ".join(f"`{key}: ...`" for key in keys), "keys": " ".join(keys)},
    )


def _by_type(kind: type[list[Any] | dict[str, Any]]) -> Discriminator:
    """Tells two members of a union apart by what stands in the YAML: a list or mapping, or a plain value."""
    which: Callable[[Any], str] = lambda value: (  # noqa: E731 - one expression
        f"{MEMBER}section" if isinstance(value, (kind, tuple, BaseModel)) else f"{MEMBER}plain"
    )
    return Discriminator(which)


_PLAIN, _SECTION = Tag(f"{MEMBER}plain"), Tag(f"{MEMBER}section")


class Section(BaseModel):
    """Base of all sections: unknown keys are mistakes, values are immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        """Name what is unknown first: a misspelt key would otherwise be a missing one as well."""
        known = list(cls.model_fields)
        unknown = [key for key in value if key not in known] if isinstance(value, dict) else []
        if unknown:
            context = {"unknown": unknown, "known": known}
            raise PydanticCustomError("unknown_key", "no such key: {unknown}; known here: {known}", context)
        return value


class Phase(Section):
    """A stretch of the load."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    """What the report calls it."""
    duration: Positive
    """How long it lasts."""
    rps: Annotated[Annotated[Rate, _PLAIN] | Annotated[tuple[Rate, Rate], _SECTION], _by_type(list)]
    """A constant rate, or a linear ramp `[from, to]`, integrated exactly."""
    at: Duration | None = None
    """Where it starts; not needed, but when given it must be where the phase before it ends."""
    surge: Flag | None = None
    """Whether its figures are the point of the rehearsal; left out: its peak is at least half of the highest."""


class TracePhase(Section):
    """A named stretch of a trace; it ends where the next one starts."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    """What the report calls it."""
    since: str
    """It starts at the row whose `minute` reads so; the first phase starts at the first row."""
    surge: Flag | None = None
    """As in `phases`."""


class Trace(Section):
    """Counts per minute from a CSV file with the columns `minute,requests`. The rate is constant within a row."""

    file: str
    """The CSV file, beside scenario.yaml."""
    speed: Annotated[Number, Field(gt=0)] = 1.0
    """60 plays an hour in a minute."""
    scale_to_peak_rps: Annotated[Rate, Field(gt=0)] | None = None
    """Rescales so that the busiest row has this rate; left out: the trace's own rate times `speed`."""
    phases: tuple[TracePhase, ...] = ()
    """Names for stretches; left out: one phase named `trace`."""


class Bursty(Section):
    """Bursts that come as a Poisson process, all of a burst at one instant."""

    burst: Annotated[Number, Field(ge=1, le=10_000)]
    """Mean size of a burst; sizes are geometric."""


class BurstyArrivals(Section):
    """`arrivals: {bursty: {burst: 4}}`."""

    bursty: Bursty
    """The bursts."""


class Request(Section):
    """One kind of request of the mix."""

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?$")]
    """The Host header."""
    path: Annotated[str, Field(pattern="^/[!-~]{0,2000}$")]
    """The path; it may hold `{key}`, drawn uniformly from 0 to keys - 1."""
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    """The method."""
    weight: Annotated[Number, Field(gt=0, le=1e9)] = 1.0
    """Its share of the mix, relative to the others' weights."""
    timeout: Positive = 10.0
    """When the client gives an attempt up."""
    retries: Annotated[Whole, Field(ge=0, le=10)] = 0
    """How often a failed or timed-out attempt is repeated."""
    backoff: Duration = 0.1
    """Wait before the first repetition; doubled before each further one, and jittered by a factor of 0.5 to 1.5."""
    keys: Annotated[Whole, Field(ge=1, le=1_000_000_000)] = 1
    """How many values `{key}` takes."""


class Traffic(Section):
    """The load: exactly one of `phases` and `trace`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["phases"]}, {"required": ["trace"]}]})

    arrivals: Annotated[
        Annotated[Literal["poisson", "even"], _PLAIN] | Annotated[BurstyArrivals, _SECTION], _by_type(dict)
    ] = "poisson"
    """`poisson`: independent requests; `even`: spaced by the rate alone; `{bursty: {burst: 4}}`: in bursts."""
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)] | None = None
    """The load as stretches of given rates, one after the other."""
    trace: Trace | None = None
    """The load as it was counted once."""
    requests: Annotated[tuple[Request, ...], Field(min_length=1)]
    """The request mix."""
    clients: Annotated[Whole, Field(ge=1, le=60_000)] = 1
    """How many source addresses the load comes from."""


class LogNormal(Section):
    """A log-normal time."""

    mean: Positive
    """Its mean."""
    cv: Annotated[Number, Field(gt=0, le=10)]
    """Its coefficient of variation: standard deviation / mean."""


class Exponential(Section):
    """An exponential time."""

    mean: Positive
    """Its mean."""


class LogNormalTime(Section):
    """`{lognormal: {mean: 40ms, cv: 0.6}}`."""

    lognormal: LogNormal
    """A log-normal time."""


class ExponentialTime(Section):
    """`{exponential: {mean: 40ms}}`."""

    exponential: Exponential
    """An exponential time."""


class ConstantTime(Section):
    """`{constant: 40ms}`."""

    constant: Positive
    """Always this long."""


ServiceTime = Annotated[
    Annotated[LogNormalTime, Tag(f"{MEMBER}lognormal")]
    | Annotated[ExponentialTime, Tag(f"{MEMBER}exponential")]
    | Annotated[ConstantTime, Tag(f"{MEMBER}constant")],
    _by_key("lognormal", "exponential", "constant"),
]


class PathBehaviour(Section):
    """What a pod does with a request."""

    time: ServiceTime
    """How long it takes in all when nothing contends."""
    cpu: Duration = 0.0
    """CPU time burnt in it, at most its mean time."""
    bytes: Size = 1024
    """Size of the answer's body."""


class Startup(Section):
    """From the start of a pod's process to its first ready answer: log-normal, constant when `cv` is 0."""

    mean: Positive
    """Its mean."""
    cv: Annotated[Number, Field(ge=0, le=10)] = 0.0
    """Its coefficient of variation: standard deviation / mean."""


class Workload(Section):
    """How pods behave; measured values replace it after calibration."""

    paths: Annotated[dict[str, PathBehaviour], Field(min_length=1)]
    """What a pod does with each path of the request mix."""
    startup: Startup
    """How long a pod takes to be ready."""
    discipline: Literal["workers", "shared-cpu"] = "workers"
    """`workers`: so many requests at once, FIFO behind; `shared-cpu`: all at once, their CPU parts share the CPU limit."""
    workers: Annotated[Whole, Field(ge=1, le=100_000)] = 16
    """How many requests a pod serves at once."""
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Runs the user's own server as the pod, `{host}` and `{port}` filled in."""


class Cluster(Section):
    """Timing of the control plane around the manifests."""

    hpa_sync: Positive = 15.0
    """The autoscaler's period."""
    metrics_resolution: Positive = 15.0
    """How often CPU is sampled; a usage is the average between the last two samples."""
    start_delay: Duration = 0.0
    """From the decision to scale to the pod's process, beyond what calibration measures."""


class Slo(Section):
    """What must hold over the whole run."""

    p99: Positive
    """The 99th percentile of latency, at most."""
    success: Ratio
    """The share of requests that succeed, at least."""


class Cost(Section):
    """What pods cost."""

    pod_hour: Annotated[Number, Field(ge=0)]
    """Price of one pod for one hour."""
    currency: Annotated[str, Field(min_length=1, max_length=8)]
    """Of the price."""


class Slow(Section):
    """Pods that turn slow."""

    pods: Annotated[Whole, Field(ge=1)] = 1
    """How many, oldest first."""
    factor: Annotated[Number, Field(gt=1, le=10_000)]
    """They take so many times as long."""
    duration: Positive
    """For how long."""


class KillDisturbance(Section):
    """Pods die without warning (SIGKILL); their Deployment replaces them."""

    at: Duration
    """When, from the schedule's first moment."""
    kill: Annotated[Whole, Field(ge=1)]
    """How many, oldest first."""


class SlowDisturbance(Section):
    """Pods turn slow for a while."""

    at: Duration
    """When, from the schedule's first moment."""
    slow: Slow
    """Which pods, and how slow."""


Disturbance = Annotated[
    Annotated[KillDisturbance, Tag(f"{MEMBER}kill")] | Annotated[SlowDisturbance, Tag(f"{MEMBER}slow")],
    _by_key("kill", "slow"),
]


class Scenario(Section):
    """A whole scenario file."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
    """Names run directories and reports: lower-case letters, digits and dashes."""
    description: str = ""
    """One sentence for the report."""
    manifests: Annotated[tuple[str, ...], Field(min_length=1)]
    """Files of plain Kubernetes YAML beside scenario.yaml."""
    seed: Annotated[Whole, Field(ge=0, le=2**32 - 1)] = 1
    """Seed of all randomness; `--seed` overrides it."""
    traffic: Traffic
    """The load."""
    workload: Workload
    """How pods behave."""
    cluster: Cluster = Cluster()
    """Timing of the control plane."""
    slo: Slo
    """What must hold."""
    cost: Cost | None = None
    """What pods cost."""
    disturbances: tuple[Disturbance, ...] = ()
    """What goes wrong on the way."""

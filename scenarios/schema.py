"""The scenario file: what manifests cannot say. One pydantic model a section; units as people write them.

The text under each field is what docs/scenario.md and the JSON Schema say of it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from scenarios.disturbances import (
    ApiOutageDisturbance,
    Disturbance,
    KillDisturbance,
    MetricsOutageDisturbance,
    ReloadDisturbance,
    RolloutDisturbance,
    Slow,
    SlowDisturbance,
    Zone,
    ZoneDisturbance,
)
from scenarios.request_schema import Data, Expect, Host, Path, Request, Tls
from scenarios.section import MEMBER, PLAIN, SECTION, Section, by_type
from scenarios.service_time import (
    ConstantTime,
    Exponential,
    ExponentialTime,
    LogNormal,
    LogNormalTime,
    ServiceTime,
)
from scenarios.units import Duration, Flag, Number, Positive, Rate, Ratio, Size, Whole

__all__ = [
    "MEMBER",
    "ApiOutageDisturbance",
    "Bursty",
    "BurstyArrivals",
    "Call",
    "Cluster",
    "Cold",
    "ConstantTime",
    "Cost",
    "Data",
    "Disturbance",
    "Expect",
    "Exponential",
    "ExponentialTime",
    "KillDisturbance",
    "LocustFile",
    "Log",
    "LogNormal",
    "LogNormalTime",
    "LogPhase",
    "MetricsOutageDisturbance",
    "Nodes",
    "PathBehaviour",
    "Phase",
    "ReloadDisturbance",
    "Request",
    "RolloutDisturbance",
    "Scenario",
    "Section",
    "ServiceTime",
    "Slo",
    "Slow",
    "SlowDisturbance",
    "Startup",
    "Tls",
    "Trace",
    "TracePhase",
    "Traffic",
    "Users",
    "Workload",
    "Zone",
    "ZoneDisturbance",
]

UserCount = Annotated[Whole, Field(ge=0, le=100_000)]


class Phase(Section):
    """A stretch of the load."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    """What the report calls it."""
    duration: Positive
    """How long it lasts."""
    rps: Annotated[Annotated[Rate, PLAIN] | Annotated[tuple[Rate, Rate], SECTION], by_type(list)]
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
    """Counts per interval from a CSV file; the rate is constant within a row.

    Its columns are `minute,requests`, or `time` and paths of the request mix, each counted apart.
    """

    file: str
    """The CSV file, beside scenario.yaml."""
    interval: Positive = 60.0
    """How long a row counts for; the first column may then be called `time`."""
    speed: Annotated[Number, Field(gt=0)] = 1.0
    """60 plays an hour in a minute."""
    scale_to_peak_rps: Annotated[Rate, Field(gt=0)] | None = None
    """Rescales so that the busiest row has this rate; left out: the trace's own rate times `speed` and `scale`."""
    scale: Annotated[Number, Field(gt=0, le=1_000_000)] = 1.0
    """0.1 offers a tenth of the trace's requests; not together with `scale_to_peak_rps`."""
    phases: tuple[TracePhase, ...] = ()
    """Names for stretches; left out: one phase named `trace`."""


class LogPhase(Section):
    """A named stretch of a log; it ends where the next one starts."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    """What the report calls it."""
    at: Duration
    """Where it starts, in the log's own time from its first request; the first phase starts at 0s."""
    surge: Flag | None = None
    """As in `phases`."""


class Log(Section):
    """An access log, each request of which is sent at its own moment."""

    file: str
    """The log, beside scenario.yaml: common or combined log format, or CSV with the columns `time[,path[,method]]`."""
    speed: Annotated[Number, Field(gt=0)] = 1.0
    """60 plays an hour in a minute."""
    scale: Annotated[Number, Field(gt=0, le=1000)] = 1.0
    """0.1 sends a tenth of the requests, drawn at random; 3 sends each three times, the copies within a second of it."""
    phases: tuple[LogPhase, ...] = ()
    """Names for stretches; left out: one phase named `log`."""


class UserPhase(Section):
    """A stretch of the users of a locustfile."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    """What the report calls it."""
    duration: Positive
    """How long it lasts."""
    users: Annotated[Annotated[UserCount, PLAIN] | Annotated[tuple[UserCount, UserCount], SECTION], by_type(list)]
    """How many users there are, or a ramp `[from, to]`."""
    surge: Flag | None = None
    """As in `phases`."""


class LocustFile(Section):
    """Users of a person's own, who wait for answers before they go on. Only `matchday load` drives them."""

    file: str
    """A locustfile beside scenario.yaml."""
    phases: Annotated[tuple[UserPhase, ...], Field(min_length=1)]
    """How many users there are over time."""


class Bursty(Section):
    """Bursts that come as a Poisson process, all of a burst at one instant."""

    burst: Annotated[Number, Field(ge=1, le=10_000)]
    """Mean size of a burst; sizes are geometric."""


class BurstyArrivals(Section):
    """`arrivals: {bursty: {burst: 4}}`."""

    bursty: Bursty
    """The bursts."""


class Users(Section):
    """A population of users beside the open arrivals: each thinks, sends, waits for what becomes of it, thinks again."""

    count: Annotated[Whole, Field(ge=1, le=100_000)]
    """How many; they draw from the same request mix until the schedule ends."""
    think: ServiceTime
    """From knowing the fate of one request to sending the next."""


# The kinds of load, of which a scenario has one.
LOADS = ("phases", "trace", "log", "locustfile")


class Traffic(Section):
    """The load: exactly one of `phases`, `trace`, `log` and `locustfile`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [kind]} for kind in LOADS]})

    arrivals: Annotated[
        Annotated[Literal["poisson", "even"], PLAIN] | Annotated[BurstyArrivals, SECTION], by_type(dict)
    ] = "poisson"
    """`poisson`: independent requests; `even`: spaced by the rate alone; `{bursty: {burst: 4}}`: in bursts."""
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)] | None = None
    """The load as stretches of given rates, one after the other."""
    trace: Trace | None = None
    """The load as it was counted once."""
    log: Log | None = None
    """The load as it was logged once, request by request."""
    locustfile: LocustFile | None = None
    """The load as users of a locustfile make it."""
    requests: tuple[Request, ...] = ()
    """The request mix; needed by every load but a locustfile's."""
    clients: Annotated[Whole, Field(ge=1, le=60_000)] = 1
    """How many source addresses the load comes from."""
    keep_alive: Flag = True
    """A client keeps its connection, and with it its proxy; `false`: a new one, to any proxy, for each attempt."""
    connect: Duration = 0.0
    """What setting up a new connection costs the client before each attempt; only with `keep_alive: false`."""
    tls: Tls | None = None
    """Requests go over TLS."""
    users: Users | None = None
    """A closed-loop population beside the open arrivals."""


class Call(Section):
    """A request that a pod makes through the balancer while it serves one."""

    host: Host
    """The Host header."""
    path: Path
    """The path, one of `workload.paths`."""
    timeout: Positive = 10.0
    """When the pod gives an attempt up."""
    retries: Annotated[Whole, Field(ge=0, le=10)] = 0
    """How often a failed or timed-out attempt is repeated."""
    backoff: Duration = 0.1
    """Wait before the first repetition; doubled and jittered as in the request mix."""


class PathBehaviour(Section):
    """What a pod does with a request."""

    time: ServiceTime
    """How long it takes in all when nothing contends."""
    cpu: Duration = 0.0
    """CPU time burnt in it, at most its mean time."""
    bytes: Size = 1024
    """Size of the answer's body."""
    calls: Annotated[tuple[Call, ...], Field(max_length=30)] = ()
    """Made after its own time while it holds its worker; one that fails in the end fails the request."""
    calls_in: Literal["sequence", "parallel"] = "sequence"
    """`sequence`: one call after the other; `parallel`: all at once."""


class Startup(Section):
    """From the start of a pod's process to its first ready answer: log-normal, constant when `cv` is 0."""

    mean: Positive
    """Its mean."""
    cv: Annotated[Number, Field(ge=0, le=10)] = 0.0
    """Its coefficient of variation: standard deviation / mean."""


class Cold(Section):
    """What a pod has to warm up."""

    factor: Annotated[Number, Field(gt=1, le=10_000)]
    """A request that starts while the pod is cold takes so many times as long, and as much CPU."""
    duration: Positive
    """How long a pod is cold, from the moment it is ready."""


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
    cold: Cold | None = None
    """Pods that are slower at first; left out: as fast as ever from the start."""
    cancels: Flag = False
    """Whether a pod stops working for a client that has gone."""


class Nodes(Section):
    """The machines that pods run on, all alike, spread over the zones in turn."""

    count: Annotated[Whole, Field(ge=1, le=5_000)]
    """How many there are at first."""
    cpu: Annotated[Number, Field(gt=0, le=10_000)]
    """Cores that the pods on one node can request."""
    max: Annotated[Whole, Field(ge=1, le=5_000)] | None = None
    """How many a node autoscaler may make of them for pods that find no room; left out: `count`."""
    provision: Duration = 60.0
    """From a pod that finds no room to a new node."""
    zones: Annotated[Whole, Field(ge=1, le=10)] = 1
    """Over how many zones they are spread."""


class Cluster(Section):
    """The cluster around the manifests."""

    hpa_sync: Positive = 15.0
    """The autoscaler's period."""
    metrics_resolution: Positive = 15.0
    """How often CPU is sampled; a usage is the average between the last two samples."""
    start_delay: Duration = 0.0
    """From the decision to scale to the pod's process, beyond what calibration measures."""
    proxies: Annotated[Whole, Field(ge=1, le=50)] = 1
    """How many proxies share the load, each seeing only its own connections."""
    nodes: Nodes | None = None
    """The machines; left out: room for every pod."""


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
    """What is around the manifests: the control plane's timing, proxies, nodes."""
    slo: Slo
    """What must hold."""
    cost: Cost | None = None
    """What pods cost."""
    disturbances: tuple[Disturbance, ...] = ()
    """What goes wrong on the way."""

"""The HorizontalPodAutoscaler's decision as a pure function: `decide(spec, memory, sample, now_s) -> Decision`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One entry of `spec.metrics`. Quantities are milli-units (CPU milli-cores, or 1000 x the metric's own unit).

    `kind` "Resource" uses `utilization_percent` or `average_milli`; "Pods" `average_milli`;
    "Object" and "External" `value_milli` or `average_milli`.
    """

    kind: Literal["Resource", "Pods", "Object", "External"]
    name: str
    utilization_percent: int | None = None
    average_milli: int | None = None
    value_milli: int | None = None


@dataclass(frozen=True)
class ScalingPolicy:
    """At most `value` pods or percent may change in `period_s`."""

    kind: Literal["Pods", "Percent"]
    value: int
    period_s: int


@dataclass(frozen=True)
class ScalingRules:
    """One half of `spec.behavior`; None means the default of that half."""

    stabilization_s: int | None = None
    policies: tuple[ScalingPolicy, ...] | None = None
    select: Literal["Max", "Min", "Disabled"] | None = None
    tolerance: float | None = None


@dataclass(frozen=True)
class Behavior:
    """`spec.behavior`: rules for each direction; None where the manifest leaves one out."""

    scale_up: ScalingRules | None = None
    scale_down: ScalingRules | None = None


@dataclass(frozen=True)
class HpaSpec:
    """What an HPA was asked for."""

    min_replicas: int
    max_replicas: int
    metrics: tuple[Metric, ...]
    behavior: Behavior | None = None


@dataclass(frozen=True)
class PodSample:
    """One pod as the HPA sees it at a sync; times are on the caller's clock, in seconds."""

    name: str
    phase: str = "Running"
    deleting: bool = False
    ready: bool | None = True
    ready_since_s: float | None = None
    started_s: float | None = None
    cpu_request_milli: int | None = None
    cpu_usage_milli: int | None = None
    sample_at_s: float | None = None
    window_s: float = 30.0
    metrics: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """Everything the HPA reads at one sync; metric values in milli-units."""

    spec_replicas: int
    status_replicas: int
    pods: tuple[PodSample, ...]
    external: Mapping[str, int] = field(default_factory=dict)
    object: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Memory:
    """What the HPA remembers between syncs: (time_s, replicas) recommendations and (time_s, change) scale events."""

    recommendations: tuple[tuple[float, int], ...] = ()
    up_events: tuple[tuple[float, int], ...] = ()
    down_events: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True)
class Decision:
    """The answer of one sync. `error` set means: nothing is changed and `desired` equals the current count."""

    desired: int
    memory: Memory
    proposals: tuple[tuple[str, int], ...] = ()
    stabilized: int | None = None
    limited_by: str | None = None
    reasons: tuple[str, ...] = ()
    error: str | None = None

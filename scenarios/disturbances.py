"""What goes wrong on the way: each disturbance is told by the one key, beside `at`, that only it has."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Tag

from scenarios.section import MEMBER, Section, by_key
from scenarios.units import Duration, Number, Positive, Whole


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


class Zone(Section):
    """A zone that is cut off."""

    duration: Positive
    """For how long."""


class ZoneDisturbance(Section):
    """The nodes of zone 0 and the pods on them cannot be reached for a while."""

    at: Duration
    """When, from the schedule's first moment."""
    zone: Zone
    """How long; needs `cluster.nodes` with at least 2 `zones`."""


class ReloadDisturbance(Section):
    """Every proxy reloads: a new process with empty queues takes over, the old one serves what it has."""

    at: Duration
    """When, from the schedule's first moment."""
    reload: Literal[True]
    """Always `true`."""


class MetricsOutageDisturbance(Section):
    """No metrics of any kind for a while: scrapes fail, and external metrics too."""

    at: Duration
    """When, from the schedule's first moment."""
    metrics_outage: Positive
    """For how long."""


class ApiOutageDisturbance(Section):
    """No HPA, Deployment or controller acts for a while; changes made meanwhile take effect when it is over."""

    at: Duration
    """When, from the schedule's first moment."""
    api_outage: Positive
    """For how long."""


class RolloutDisturbance(Section):
    """A rolling update of a Deployment starts, by its strategy's maxSurge and maxUnavailable."""

    at: Duration
    """When, from the schedule's first moment."""
    rollout: Annotated[str, Field(min_length=1)]
    """The Deployment's name."""


Disturbance = Annotated[
    Annotated[KillDisturbance, Tag(f"{MEMBER}kill")]
    | Annotated[SlowDisturbance, Tag(f"{MEMBER}slow")]
    | Annotated[ZoneDisturbance, Tag(f"{MEMBER}zone")]
    | Annotated[ReloadDisturbance, Tag(f"{MEMBER}reload")]
    | Annotated[MetricsOutageDisturbance, Tag(f"{MEMBER}metrics_outage")]
    | Annotated[ApiOutageDisturbance, Tag(f"{MEMBER}api_outage")]
    | Annotated[RolloutDisturbance, Tag(f"{MEMBER}rollout")],
    by_key("kill", "slow", "zone", "reload", "metrics_outage", "api_outage", "rollout"),
]

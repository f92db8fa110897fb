"""A pod's life as Kubernetes sees it: created, started, ready, in rotation, deleting, gone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from balancer.policy.objects import Probe
from balancer.policy.podview import deletion_rank
from sim.plane import PodHandle


@dataclass(eq=False)
class Replica:
    """One pod of a Deployment. Times are seconds, None until the moment has come."""

    name: str
    ordinal: int
    created_s: float
    pod: PodHandle | None = None
    started_s: float | None = None
    ready_since_s: float | None = None
    in_rotation: bool = False
    deleting: bool = False

    @property
    def ready(self) -> bool:
        """Ready and not being deleted: what a Deployment counts."""
        return self.ready_since_s is not None and not self.deleting


def ready_at_s(probe: Probe, started_s: float, up_s: float) -> float:
    """When a pod that can answer from `up_s` on is found ready.

    Probes are sent at `started_s` + initialDelaySeconds + j * periodSeconds; the first at or after `up_s`
    succeeds, and so do all after it until successThreshold is reached.
    """
    first_s = started_s + probe.initial_delay_s
    failed = max(0, math.ceil((up_s - first_s) / probe.period_s - 1e-9))
    return first_s + (failed + probe.success_threshold - 1) * probe.period_s


def deletion_order(replicas: Sequence[Replica], now_s: float) -> list[Replica]:
    """Which pods a scale-down takes first; of those created at one moment the last."""
    return sorted(replicas, key=lambda r: (*deletion_rank(r.ready_since_s, r.created_s, now_s), -r.ordinal))

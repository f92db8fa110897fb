"""The arithmetic of a rolling update, and of every other change of a Deployment's pods.

Source: Kubernetes, pkg/controller/deployment, rolling.go and util/deployment_util.go (NewRSNewReplicas,
ResolveFenceposts).
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """Pods that are not being deleted: of the newest template and of older ones, and how many of them are ready."""

    new: int
    new_ready: int
    old: int = 0
    old_ready: int = 0


@dataclass(frozen=True)
class Step:
    """How many pods to create, and how many new and old ones to delete; of the old ones those not ready come first."""

    create: int = 0
    delete_new: int = 0
    delete_old: int = 0


def allowance(max_surge: int | str, max_unavailable: int | str, desired: int) -> tuple[int, int]:
    """Pods above and below `desired`: percentages up for the surge, down for the unavailable; both 0 means (0, 1)."""
    surge = _resolve(max_surge, desired, up=True)
    unavailable = _resolve(max_unavailable, desired, up=False)
    return (0, 1) if surge == unavailable == 0 else (surge, unavailable)


def next_step(desired: int, surge: int, unavailable: int, counts: Counts) -> Step:
    """What the Deployment controller does now; it looks again after every step and every change of a pod.

    Simplified: when the desired count changes during an update, Kubernetes first shares the difference among the
    ReplicaSets in proportion to their sizes; here the newest takes what it may and the old ones shrink as ever.
    """
    total = counts.new + counts.old
    if counts.new > desired:
        return Step(delete_new=counts.new - desired)
    create = min(desired + surge - total, desired - counts.new)
    if create > 0:
        return Step(create=create)
    least = desired - unavailable
    spare = counts.old + counts.new_ready - least
    if spare <= 0:
        return Step()
    unready = min(spare, counts.old - counts.old_ready)
    ready = max(0, counts.new_ready + counts.old_ready - least)
    return Step(delete_old=min(counts.old, unready + ready))


def _resolve(value: int | str, desired: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    share = int(value.removesuffix("%")) * desired / 100
    return math.ceil(share) if up else math.floor(share)

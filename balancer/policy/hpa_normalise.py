"""From what the metrics want to what is done: stabilisation, rate policies, bounds, and what is remembered.

Times of recommendations and events are the caller's clock. Source: Kubernetes 1.34, horizontal.go.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from balancer.policy.hpa import Behavior, HpaSpec, Memory, ScalingPolicy, ScalingRules
from balancer.policy.hpa_metrics import Tolerance

# Source: --horizontal-pod-autoscaler-downscale-stabilization, and the API's defaults for `behavior`.
DOWNSCALE_STABILIZATION_S = 300
DEFAULT_UP = ScalingRules(0, (ScalingPolicy("Pods", 4, 15), ScalingPolicy("Percent", 100, 15)), "Max")
DEFAULT_DOWN = ScalingRules(DOWNSCALE_STABILIZATION_S, (ScalingPolicy("Percent", 100, 15),), "Max")

Timed = tuple[tuple[float, int], ...]
Normalised = tuple[int, int, str | None, Timed]


def filled(rules: ScalingRules | None, default: ScalingRules) -> ScalingRules:
    """One half of `behavior`, each missing field replaced by its own default."""
    if rules is None:
        return default
    return ScalingRules(
        stabilization_s=default.stabilization_s if rules.stabilization_s is None else rules.stabilization_s,
        policies=rules.policies or default.policies,
        select=rules.select or default.select,
        tolerance=rules.tolerance,
    )


def tolerance_of(behavior: Behavior | None) -> Tolerance:
    """The tolerance of each direction; 10 % where `behavior` says nothing."""
    up = behavior.scale_up.tolerance if behavior and behavior.scale_up else None
    down = behavior.scale_down.tolerance if behavior and behavior.scale_down else None
    return Tolerance(0.1 if up is None else up, 0.1 if down is None else down)


def normalise_plainly(spec: HpaSpec, memory: Memory, current: int, wanted: int, now_s: float) -> Normalised:
    """Without `behavior`: (stabilised, desired, what limited it, recommendations)."""
    cutoff = now_s - DOWNSCALE_STABILIZATION_S
    stabilized = max([wanted, *(count for at, count in memory.recommendations if at >= cutoff)])
    recommendations = _recorded(memory.recommendations, (now_s, wanted), lambda at: at < cutoff)
    up_limit = max(2 * current, 4)
    if stabilized < spec.min_replicas:
        return stabilized, spec.min_replicas, "min replicas", recommendations
    if stabilized > min(spec.max_replicas, up_limit):
        if spec.max_replicas > up_limit:
            return stabilized, up_limit, "the scale-up limit of twice the current count, or 4", recommendations
        return stabilized, spec.max_replicas, "max replicas", recommendations
    return stabilized, stabilized, None, recommendations


def normalise_with_behavior(spec: HpaSpec, memory: Memory, current: int, wanted: int, now_s: float) -> Normalised:
    """With `behavior`: (stabilised, desired, what limited it, recommendations)."""
    assert spec.behavior is not None
    up = filled(spec.behavior.scale_up, DEFAULT_UP)
    down = filled(spec.behavior.scale_down, DEFAULT_DOWN)
    up_cutoff, down_cutoff = now_s - (up.stabilization_s or 0), now_s - (down.stabilization_s or 0)
    up_bound = min([wanted, *(count for at, count in memory.recommendations if at > up_cutoff)])
    down_bound = max([wanted, *(count for at, count in memory.recommendations if at > down_cutoff)])
    stabilized = min(max(current, up_bound), down_bound)
    recommendations = _recorded(memory.recommendations, (now_s, wanted), lambda at: at < up_cutoff and at < down_cutoff)
    if stabilized > current:
        limit = max(current, up_limit(up, memory, current, now_s))
        if stabilized > min(spec.max_replicas, limit):
            if spec.max_replicas > limit:
                return stabilized, limit, "the scale-up policy", recommendations
            return stabilized, spec.max_replicas, "max replicas", recommendations
    elif stabilized < current:
        limit = min(current, down_limit(down, memory, current, now_s))
        if stabilized < max(spec.min_replicas, limit):
            if spec.min_replicas < limit:
                return stabilized, limit, "the scale-down policy", recommendations
            return stabilized, spec.min_replicas, "min replicas", recommendations
    return stabilized, stabilized, None, recommendations


def up_limit(rules: ScalingRules, memory: Memory, current: int, now_s: float) -> int:
    """The most replicas the scale-up policies allow now."""
    if rules.select == "Disabled":
        return current
    limits = []
    for policy in rules.policies or ():
        start = _at_period_start(policy, memory, current, now_s)
        if policy.kind == "Pods":
            limits.append(start + policy.value)
        else:
            limits.append(math.ceil(start * (1 + policy.value / 100)))
    return min(limits) if rules.select == "Min" else max(limits)


def down_limit(rules: ScalingRules, memory: Memory, current: int, now_s: float) -> int:
    """The fewest replicas the scale-down policies allow now."""
    if rules.select == "Disabled":
        return current
    limits = []
    for policy in rules.policies or ():
        start = _at_period_start(policy, memory, current, now_s)
        if policy.kind == "Pods":
            limits.append(start - policy.value)
        else:
            limits.append(int(start * (1 - policy.value / 100)))
    return max(limits) if rules.select == "Min" else min(limits)


def _at_period_start(policy: ScalingPolicy, memory: Memory, current: int, now_s: float) -> int:
    cutoff = now_s - policy.period_s
    added = sum(change for at, change in memory.up_events if at > cutoff)
    removed = sum(change for at, change in memory.down_events if at > cutoff)
    return current - added + removed


def remember_event(behavior: Behavior, memory: Memory, change: int, now_s: float) -> Memory:
    """Memory with a scale event. A direction keeps its events in slots, and an outdated one is overwritten.

    Outdated means older than that direction's own longest period, so removals can be forgotten while a longer
    scale-up policy still asks for them: a quirk of Kubernetes that is kept.
    """
    rules = filled(behavior.scale_up, DEFAULT_UP) if change > 0 else filled(behavior.scale_down, DEFAULT_DOWN)
    cutoff = now_s - max(policy.period_s for policy in rules.policies or ())
    if change > 0:
        return replace(memory, up_events=_recorded(memory.up_events, (now_s, change), lambda at: at < cutoff))
    return replace(memory, down_events=_recorded(memory.down_events, (now_s, -change), lambda at: at < cutoff))


def _recorded(entries: Timed, new: tuple[float, int], outdated: Callable[[float], bool]) -> Timed:
    """With the new entry in the slot of the last outdated one, or at the end."""
    for index in range(len(entries) - 1, -1, -1):
        if outdated(entries[index][0]):
            return (*entries[:index], new, *entries[index + 1 :])
    return (*entries, new)

"""The HorizontalPodAutoscaler's decision as a pure function: the one that model and local target use."""

from __future__ import annotations

from dataclasses import replace

from balancer.policy.hpa import Decision, HpaSpec, Memory, Sample
from balancer.policy.hpa_metrics import NoProposalError, propose
from balancer.policy.hpa_normalise import (
    normalise_plainly,
    normalise_with_behavior,
    remember_event,
    tolerance_of,
)


def decide(spec: HpaSpec, memory: Memory, sample: Sample, now_s: float) -> Decision:
    """One sync. Source of every rule: Kubernetes 1.34, pkg/controller/podautoscaler."""
    current = sample.spec_replicas
    if not memory.recommendations:
        memory = replace(memory, recommendations=((now_s, current),))
    if current == 0 and spec.min_replicas != 0:
        return Decision(0, memory, reasons=("scaling is disabled: the target has zero replicas",))
    if current > spec.max_replicas:
        reason = f"to {spec.max_replicas} at once: {current} is above max replicas"
        return _settled(spec, memory, current, spec.max_replicas, now_s, Decision(0, memory, reasons=(reason,)))
    if current < spec.min_replicas:
        reason = f"to {spec.min_replicas} at once: {current} is below min replicas"
        return _settled(spec, memory, current, spec.min_replicas, now_s, Decision(0, memory, reasons=(reason,)))
    proposals: list[tuple[str, int]] = []
    reasons: list[str] = []
    errors: list[str] = []
    tolerance = tolerance_of(spec.behavior)
    for metric in spec.metrics:
        try:
            count, reason = propose(metric, sample, tolerance, now_s)
        except NoProposalError as error:
            errors.append(f"{metric.name}: {error}")
            continue
        proposals.append((metric.name, count))
        reasons.append(reason)
    wanted = max((count for _, count in proposals), default=-1)
    if errors and (not proposals or wanted < current):
        return Decision(current, memory, tuple(proposals), reasons=tuple(reasons), error="; ".join(errors))
    normalise = normalise_plainly if spec.behavior is None else normalise_with_behavior
    stabilized, desired, limit, recommendations = normalise(spec, memory, current, wanted, now_s)
    if stabilized != wanted:
        reasons.append(f"stabilised at {stabilized}: recommendations of the window do not allow {wanted} yet")
    if limit is not None:
        reasons.append(f"limited to {desired} by {limit}")
    reasons += [f"unavailable: {error}" for error in errors]
    memory = replace(memory, recommendations=recommendations)
    draft = Decision(0, memory, tuple(proposals), stabilized, limit, tuple(reasons))
    return _settled(spec, memory, current, desired, now_s, draft)


def _settled(spec: HpaSpec, memory: Memory, current: int, desired: int, now_s: float, draft: Decision) -> Decision:
    """The decision with its scale event remembered; without `behavior` nobody would read it."""
    if spec.behavior is not None and desired != current:
        memory = remember_event(spec.behavior, memory, desired - current, now_s)
    return replace(draft, desired=desired, memory=memory)

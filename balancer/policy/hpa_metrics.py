"""What one metric proposes: the HPA's arithmetic on pods, in milli-units and integers as Kubernetes does it.

Source: Kubernetes 1.34, replica_calculator.go and metrics/utilization.go.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from balancer.policy.hpa import Metric, PodSample, Sample

# Source: kube-controller-manager flags and their defaults.
CPU_INITIALIZATION_S = 300.0  # --horizontal-pod-autoscaler-cpu-initialization-period
INITIAL_READINESS_S = 30.0  # --horizontal-pod-autoscaler-initial-readiness-delay


class NoProposalError(Exception):
    """The metric cannot say anything; the text says why."""


@dataclass(frozen=True)
class Tolerance:
    """A ratio of `1 - down` to `1 + up` changes nothing."""

    up: float = 0.1
    down: float = 0.1

    def holds(self, ratio: float) -> bool:
        """Whether the ratio is too near to 1 to act on."""
        return 1.0 - self.down <= ratio <= 1.0 + self.up


def propose(metric: Metric, sample: Sample, tolerance: Tolerance, now_s: float) -> tuple[int, str]:
    """Replicas the metric asks for, and why; NoProposalError when it cannot."""
    if metric.kind in {"Resource", "Pods"}:
        return _from_pods(metric, sample, tolerance, now_s)
    values = sample.object if metric.kind == "Object" else sample.external
    usage = values.get(metric.name)
    if usage is None:
        raise NoProposalError("the metric has no value")
    if metric.value_milli is not None:
        return _from_value(metric, metric.value_milli, usage, sample, tolerance)
    assert metric.average_milli is not None
    ratio = _divide(usage, metric.average_milli * sample.status_replicas)
    if tolerance.holds(ratio):
        return sample.status_replicas, _held(metric, sample.status_replicas, ratio)
    count = math.ceil(usage / metric.average_milli)
    return count, _said(metric, ratio, count, "replicas")


def _from_value(metric: Metric, target: int, usage: int, sample: Sample, tolerance: Tolerance) -> tuple[int, str]:
    ratio = usage / target
    if sample.spec_replicas == 0:
        return math.ceil(ratio), _said(metric, ratio, math.ceil(ratio), "from zero replicas")
    if tolerance.holds(ratio):
        return sample.spec_replicas, _held(metric, sample.spec_replicas, ratio)
    if not sample.pods:
        raise NoProposalError("no pods match the selector")
    ready = sum(pod.phase == "Running" and pod.ready is True for pod in sample.pods)
    count = math.ceil(ratio * ready)
    return count, _said(metric, ratio, count, f"over {ready} ready pods")


@dataclass(frozen=True)
class _Groups:
    """The pods of a sync as the HPA sorts them; `usage` holds only counted ones."""

    ready: int
    unready: tuple[str, ...]
    missing: tuple[str, ...]
    usage: dict[str, int]


def _group(metric: Metric, sample: Sample, now_s: float) -> _Groups:
    is_cpu = metric.kind == "Resource" and metric.name == "cpu"
    usage: dict[str, int] = {}
    unready: list[str] = []
    missing: list[str] = []
    for pod in sample.pods:
        if pod.deleting or pod.phase == "Failed":
            continue
        value = pod.cpu_usage_milli if is_cpu else pod.metrics.get(metric.name)
        if pod.phase == "Pending":
            unready.append(pod.name)
        elif value is None:
            missing.append(pod.name)
        elif is_cpu and _cpu_unready(pod, now_s):
            unready.append(pod.name)
        else:
            usage[pod.name] = value
    return _Groups(len(usage), tuple(unready), tuple(missing), usage)


def _cpu_unready(pod: PodSample, now_s: float) -> bool:
    """Whether a pod's CPU still tells of its start rather than of its load."""
    if pod.ready is None or pod.started_s is None:
        return True
    since = pod.ready_since_s if pod.ready_since_s is not None else pod.started_s
    if pod.started_s + CPU_INITIALIZATION_S > now_s:
        return not pod.ready or (pod.sample_at_s is not None and pod.sample_at_s < since + pod.window_s)
    return not pod.ready and pod.started_s + INITIAL_READINESS_S > since


class _Ratio:
    """Usage against target: integer utilization of requests, or integer average against a value."""

    def __init__(self, metric: Metric, sample: Sample) -> None:
        self.percent = metric.utilization_percent
        self.requests: dict[str, int] = {}
        self.target = metric.average_milli or 0
        if self.percent is not None:
            for pod in sample.pods:
                if pod.cpu_request_milli is None or metric.name != "cpu":
                    raise NoProposalError(f"missing request for {metric.name} in pod {pod.name}")
                self.requests[pod.name] = pod.cpu_request_milli

    def of(self, usage: dict[str, int]) -> tuple[float, str]:
        """The ratio, and the usage in words."""
        if self.percent is None:
            mean = sum(usage.values()) // len(usage)
            return mean / self.target, f"{mean}m on average of {self.target}m"
        total = sum(self.requests[name] for name in usage)
        if total == 0:
            raise NoProposalError("no metrics of pods with a request")
        utilization = 100 * sum(usage.values()) // total
        return utilization / self.percent, f"{utilization} % of request against {self.percent} %"

    def on_scale_down(self, pod: str) -> int:
        """What a missing pod is taken to use when the rest asks for fewer."""
        return self.target if self.percent is None else self.requests[pod] * max(100, self.percent) // 100


def _from_pods(metric: Metric, sample: Sample, tolerance: Tolerance, now_s: float) -> tuple[int, str]:
    current = sample.spec_replicas
    if not sample.pods:
        raise NoProposalError("no pods match the selector")
    groups = _group(metric, sample, now_s)
    if not groups.usage:
        raise NoProposalError("no metrics of ready pods")
    measure = _Ratio(metric, sample)
    ratio, words = measure.of(groups.usage)
    refill_unready = bool(groups.unready) and ratio > 1.0
    if not refill_unready and not groups.missing:
        if tolerance.holds(ratio):
            return current, _held(metric, current, ratio)
        count = math.ceil(ratio * groups.ready)
        return count, f"{metric.name} asks for {count}: {words}, ratio {ratio:.3g} over {groups.ready} ready pods"
    usage = dict(groups.usage)
    if ratio < 1.0:
        usage |= {name: measure.on_scale_down(name) for name in groups.missing}
    elif ratio > 1.0 or measure.percent is None:
        usage |= dict.fromkeys(groups.missing, 0)
    if refill_unready:
        usage |= dict.fromkeys(groups.unready, 0)
    refilled, words = measure.of(usage)
    guessed = f"{len(groups.missing)} pods without metric and {len(groups.unready)} unready were guessed"
    if tolerance.holds(refilled):
        return current, f"{_held(metric, current, refilled)}; {guessed}"
    if (ratio < 1.0 < refilled) or (refilled < 1.0 < ratio):
        return (
            current,
            f"held at {current}: {metric.name} points both ways ({ratio:.3g}, then {refilled:.3g}); {guessed}",
        )
    count = math.ceil(refilled * len(usage))
    if (refilled < 1.0 and count > current) or (refilled > 1.0 and count < current):
        return current, f"held at {current}: {metric.name} would move against its own direction; {guessed}"
    return count, f"{metric.name} asks for {count}: {words}, ratio {refilled:.3g} over {len(usage)} pods; {guessed}"


def _divide(usage: int, target: int) -> float:
    return usage / target if target else math.inf if usage else math.nan


def _held(metric: Metric, count: int, ratio: float) -> str:
    return f"held at {count}: {metric.name} ratio {ratio:.3g} is inside the tolerance"


def _said(metric: Metric, ratio: float, count: int, over: str) -> str:
    return f"{metric.name} asks for {count}: ratio {ratio:.3g} {over}"

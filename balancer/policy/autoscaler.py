"""A HorizontalPodAutoscaler manifest (autoscaling/v2) as an `Autoscaler`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from balancer.policy.hpa import Behavior, HpaSpec, Metric, ScalingPolicy, ScalingRules
from balancer.policy.objects import Autoscaler, Problem
from balancer.policy.reader import Path, Reader

_MOST = 1_000_000
# Source: Kubernetes documentation, HorizontalPodAutoscalerSpec v2: what `metrics` left out means.
_DEFAULT_METRICS = (Metric("Resource", "cpu", utilization_percent=80),)


def read_autoscaler(document: Mapping[str, object], index: int) -> tuple[Autoscaler | None, tuple[Problem, ...]]:
    """Read one document; None when it cannot be used at all."""
    reader = Reader(index)
    meta = reader.mapping(document, ("metadata",), required=True)
    name = reader.text(meta, ("metadata", "name"), required=True)
    spec = reader.mapping(document, ("spec",), required=True)
    target = reader.mapping(spec, ("spec", "scaleTargetRef"), required=True)
    kind = reader.text(target, ("spec", "scaleTargetRef", "kind"), required=True)
    if kind is not None and kind != "Deployment":
        reader.refuse(("spec", "scaleTargetRef", "kind"), kind, "Deployment")
    deployment = reader.text(target, ("spec", "scaleTargetRef", "name"), required=True)
    low = reader.whole(spec, ("spec", "minReplicas"), 0, _MOST)
    high = reader.whole(spec, ("spec", "maxReplicas"), 1, _MOST)
    if "maxReplicas" not in spec:
        reader.refuse(("spec", "maxReplicas"), None, "a whole number of at least 1")
    low = 1 if low is None else low
    if high is not None and low > high:
        reader.refuse(("spec", "minReplicas"), low, f"at most maxReplicas, which is {high}")
    entries = reader.items(spec, ("spec", "metrics"))
    metrics = tuple(m for path, entry in entries if (m := _metric(reader, path, entry)) is not None)
    behavior = _behavior(reader, spec)
    if name is None or deployment is None or high is None:
        return None, tuple(reader.problems)
    hpa = HpaSpec(low, high, metrics if entries else _DEFAULT_METRICS, behavior)
    namespace = reader.text(meta, ("metadata", "namespace")) or "default"
    return Autoscaler(name, namespace, deployment, hpa, index), tuple(reader.problems)


def _metric(reader: Reader, path: Path, entry: Mapping[str, object]) -> Metric | None:
    kind = reader.text(entry, (*path, "type"), required=True)
    if kind == "Resource":
        return _resource(reader, path, entry)
    if kind not in {"Pods", "Object", "External"}:
        if kind is not None:
            reader.refuse((*path, "type"), kind, "Resource, Pods, Object or External")
        return None
    named: Literal["Pods", "Object", "External"] = kind  # type: ignore[assignment]  # narrowed by the line above
    body_path = (*path, kind.lower())
    body = reader.mapping(entry, body_path, required=True)
    metric = reader.mapping(body, (*body_path, "metric"), required=True)
    name = reader.text(metric, (*body_path, "metric", "name"), required=True)
    target_path = (*body_path, "target")
    target = reader.mapping(body, target_path, required=True)
    average = reader.milli(target, (*target_path, "averageValue"))
    value = reader.milli(target, (*target_path, "value")) if kind != "Pods" else None
    if average is None and value is None:
        reader.refuse(target_path, dict(target), "averageValue" if kind == "Pods" else "value or averageValue")
        return None
    if name is None or not (average or value):
        return None
    return Metric(named, name, average_milli=average, value_milli=None if average is not None else value)


def _resource(reader: Reader, path: Path, entry: Mapping[str, object]) -> Metric | None:
    body = reader.mapping(entry, (*path, "resource"), required=True)
    name = reader.text(body, (*path, "resource", "name"), required=True)
    target_path = (*path, "resource", "target")
    target = reader.mapping(body, target_path, required=True)
    percent = reader.whole(target, (*target_path, "averageUtilization"), 1, 100_000)
    average = reader.milli(target, (*target_path, "averageValue"))
    if percent is None and average is None:
        reader.refuse(target_path, dict(target), "averageUtilization or averageValue")
        return None
    if name is None:
        return None
    return Metric("Resource", name, utilization_percent=percent, average_milli=None if percent is not None else average)


def _behavior(reader: Reader, spec: Mapping[str, object]) -> Behavior | None:
    body = reader.mapping(spec, ("spec", "behavior"))
    if not body:
        return None
    halves = [_rules(reader, body, name) for name in ("scaleUp", "scaleDown")]
    return Behavior(scale_up=halves[0], scale_down=halves[1])


def _rules(reader: Reader, behavior: Mapping[str, object], name: str) -> ScalingRules | None:
    path: Path = ("spec", "behavior", name)
    body = reader.mapping(behavior, path)
    if not body:
        return None
    select = reader.text(body, (*path, "selectPolicy"))
    if select is not None and select not in {"Max", "Min", "Disabled"}:
        reader.refuse((*path, "selectPolicy"), select, "Max, Min or Disabled")
        select = None
    tolerance = reader.milli(body, (*path, "tolerance"))
    policies = [p for at, entry in reader.items(body, (*path, "policies")) if (p := _policy(reader, at, entry))]
    return ScalingRules(
        stabilization_s=reader.whole(body, (*path, "stabilizationWindowSeconds"), 0, 3600),
        policies=tuple(policies) or None,
        select=select,  # type: ignore[arg-type]  # one of three words by now
        tolerance=None if tolerance is None else tolerance / 1000,
    )


def _policy(reader: Reader, path: Path, entry: Mapping[str, object]) -> ScalingPolicy | None:
    kind = reader.text(entry, (*path, "type"), required=True)
    value = reader.whole(entry, (*path, "value"), 1, _MOST)
    period_s = reader.whole(entry, (*path, "periodSeconds"), 1, 1800)
    for name in ("value", "periodSeconds"):
        if name not in entry:
            reader.refuse((*path, name), None, "a whole number of at least 1")
    if kind not in {"Pods", "Percent"}:
        if kind is not None:
            reader.refuse((*path, "type"), kind, "Pods or Percent")
        return None
    if value is None or period_s is None:
        return None
    return ScalingPolicy(kind, value, period_s)  # type: ignore[arg-type]  # one of two words by now

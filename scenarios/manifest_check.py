"""Manifests against each other: names that lead nowhere, an HPA that cannot work."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from balancer.policy.desired import resolve, selects
from balancer.policy.hpa import Metric
from balancer.policy.manifests import KINDS
from balancer.policy.objects import Autoscaler, BackendRef, Deployment, Manifests, Problem, Service
from scenarios.mistakes import Mistakes, near_miss
from scenarios.yaml_marks import FieldPath

CONTAINERS: FieldPath = ("spec", "template", "spec", "containers")
_CPU = ("cpu",)
_IN_PROXIES = ("matchday_requests_per_second", "matchday_queue_length", "matchday_in_flight")
# What can be measured of an HPA's own Deployment: External and Object sum over its pods and all proxies, Pods is
# each pod's own, which has no queue in the proxies.
METRICS: Mapping[str, tuple[str, ...]] = {
    "Resource": _CPU,
    "External": _IN_PROXIES,
    "Object": _IN_PROXIES,
    "Pods": ("matchday_requests_per_second", "matchday_in_flight"),
}


def is_foreign(problem: Problem) -> bool:
    """Whether a problem is only that a document is of a kind we do not read, rather than a misspelt one."""
    return (
        problem.path == ("kind",)
        and isinstance(problem.value, str)
        and re.fullmatch(r"[A-Z][A-Za-z]+", problem.value) is not None
        and not near_miss(problem.value, KINDS)
    )


def check_manifests(manifests: Manifests, mistakes: Mistakes) -> None:
    """Note every reference that leads nowhere and every HPA that could not decide."""
    for ingress in manifests.ingresses:
        for path in ingress.paths:
            at: FieldPath = ("spec", "rules", path.rule, "http", "paths", path.index, "backend", "service")
            _check_reference(manifests, ingress.namespace, ingress.document, at, path.backend, mistakes)
        if ingress.default_backend is not None:
            at = ("spec", "defaultBackend", "service")
            _check_reference(manifests, ingress.namespace, ingress.document, at, ingress.default_backend, mistakes)
    for deployment in manifests.deployments:
        if not _bears_its_selector(deployment):
            allowed = f"labels that its pod template bears: {dict(deployment.pod_labels)}"
            mistakes.manifest(deployment.document, ("spec", "selector"), dict(deployment.selector) or None, allowed)
    for service in manifests.services:
        _check_service(manifests, service, mistakes)
    targets: Counter[tuple[str, str]] = Counter()
    for hpa in manifests.autoscalers:
        targets[hpa.namespace, hpa.deployment] += 1
        if targets[hpa.namespace, hpa.deployment] > 1:
            allowed = "a Deployment that no other HorizontalPodAutoscaler scales"
            mistakes.manifest(hpa.document, ("spec", "scaleTargetRef", "name"), hpa.deployment, allowed)
        _check_autoscaler(manifests, hpa, mistakes)


def unused_metrics(manifests: Manifests) -> tuple[Problem, ...]:
    """Metrics that nobody here can supply: the HPA decides without them."""
    return tuple(
        Problem(hpa.document, ("spec", "metrics", index), metric.name, allowed)
        for hpa in manifests.autoscalers
        for index, metric in enumerate(hpa.spec.metrics)
        if (allowed := _instead(metric))
    )


def _instead(metric: Metric) -> str:
    """What can be measured in place of a metric that cannot; nothing when it can."""
    known = METRICS.get(metric.kind, _CPU)
    if metric.name in known:
        return ""
    if metric.name in METRICS["External"]:
        return f"of kind External or Object, or {' or '.join(known)}; as it is, it counts as unavailable"
    return f"{' or '.join(known)}; any other metric counts as unavailable{near_miss(metric.name, known)}"


def _check_reference(
    manifests: Manifests, namespace: str, document: int, at: FieldPath, ref: BackendRef, mistakes: Mistakes
) -> None:
    here = {service.name: service for service in manifests.services if service.namespace == namespace}
    if ref.service not in here:
        allowed = f"the name of a Service in namespace {namespace}{near_miss(ref.service, here)}"
        mistakes.manifest(document, (*at, "name"), ref.service, allowed)
    elif resolve(manifests, namespace, ref) is None:
        ports = ", ".join(str(port.name or port.port) for port in here[ref.service].ports) or "none"
        field = "name" if isinstance(ref.port, str) else "number"
        mistakes.manifest(document, (*at, "port", field), ref.port, f"a port of that Service: {ports}")


def _bears_its_selector(deployment: Deployment) -> bool:
    wanted, labels = deployment.selector, deployment.pod_labels
    return bool(wanted) and all(labels.get(key) == value for key, value in wanted.items())


def _check_service(manifests: Manifests, service: Service, mistakes: Mistakes) -> None:
    here = [d for d in manifests.deployments if d.namespace == service.namespace]
    selected = [d for d in here if selects(service, d)]
    if not selected and not all(_bears_its_selector(d) for d in here):
        return  # the Deployment's labels are wrong, and said to be
    if not selected:
        allowed = "labels that some Deployment's pods bear"
        mistakes.manifest(service.document, ("spec", "selector"), dict(service.selector) or None, allowed)
        return
    if len(selected) > 1:
        names = ", ".join(d.name for d in selected)
        allowed = f"labels of one Deployment's pods, not of several: {names}"
        mistakes.manifest(service.document, ("spec", "selector"), dict(service.selector), allowed)
    for index, port in enumerate(service.ports):
        if isinstance(port.target, str) and port.target not in selected[0].ports:
            names = ", ".join(selected[0].ports) or "none has a name"
            allowed = f"a port of Deployment {selected[0].name}: {names}"
            mistakes.manifest(service.document, ("spec", "ports", index, "targetPort"), port.target, allowed)


def _check_autoscaler(manifests: Manifests, hpa: Autoscaler, mistakes: Mistakes) -> None:
    here = {d.name: d for d in manifests.deployments if d.namespace == hpa.namespace}
    deployment = here.get(hpa.deployment)
    if deployment is None:
        allowed = f"the name of a Deployment in namespace {hpa.namespace}{near_miss(hpa.deployment, here)}"
        mistakes.manifest(hpa.document, ("spec", "scaleTargetRef", "name"), hpa.deployment, allowed)
    elif not deployment.cpu_request_milli and any(m.utilization_percent for m in hpa.spec.metrics if m.name == "cpu"):
        at = (*CONTAINERS, *without_request(mistakes.raw(deployment.document)))
        allowed = f"a request above 0, since HorizontalPodAutoscaler {hpa.name} scales on a percentage of it"
        mistakes.manifest(deployment.document, at, deployment.cpu_request_milli, allowed)


def without_request(document: object) -> FieldPath:
    """Where the first container that asks for no CPU should do so."""
    containers = document
    for name in CONTAINERS:
        containers = containers.get(name) if isinstance(containers, Mapping) else None
    for index, container in enumerate(containers if isinstance(containers, list) else []):
        resources = container.get("resources") if isinstance(container, Mapping) else None
        halves = [resources.get(half) for half in ("requests", "limits")] if isinstance(resources, Mapping) else []
        if not any(isinstance(half, Mapping) and half.get("cpu") for half in halves):
            return (index, "resources", "requests", "cpu")
    return ()

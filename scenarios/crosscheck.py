"""What no single field can show: phases that overlap, names that lead nowhere, an HPA that cannot work."""

from __future__ import annotations

import math
from collections.abc import Sequence

from balancer.policy.desired import backend_deployment, backend_names, resolve, routes, selects
from balancer.policy.objects import Manifests
from balancer.policy.routing import match
from scenarios.errors import ScenarioError
from scenarios.schema import KillDisturbance, Phase, Scenario, Trace, near_miss
from scenarios.yaml_marks import Document, FieldPath

_MOST_REQUESTS = 50_000_000


class Mistakes:
    """Collects lines, each at its file, line and field."""

    def __init__(self, scenario: Document, manifests: Sequence[Document]) -> None:
        self._scenario, self._manifests = scenario, manifests
        self._lines: list[str] = []

    def scenario(self, path: FieldPath, value: object, allowed: str) -> None:
        """A mistake in scenario.yaml."""
        self._lines.append(self._scenario.error(path, value, allowed))

    def manifest(self, document: int, path: FieldPath, value: object, allowed: str) -> None:
        """A mistake in the n-th manifest document."""
        self._lines.append(self._manifests[document].error(path, value, allowed))

    def raise_if_any(self) -> None:
        """ScenarioError with all lines so far."""
        if self._lines:
            raise ScenarioError("\n".join(dict.fromkeys(self._lines)))


def check_manifests(manifests: Manifests, scenario: Scenario, mistakes: Mistakes) -> None:
    """Names between manifests, and what an HPA and the local pods need."""
    service_names = [service.name for service in manifests.services]
    for ingress in manifests.ingresses:
        for path in ingress.paths:
            at: FieldPath = ("spec", "rules", path.rule, "http", "paths", path.index, "backend", "service")
            ref = path.backend
            if ref.service not in service_names:
                allowed = f"the name of a Service in the manifests{near_miss(ref.service, service_names)}"
                mistakes.manifest(ingress.document, (*at, "name"), ref.service, allowed)
            elif resolve(manifests, ingress.namespace, ref) is None:
                service = next(s for s in manifests.services if s.name == ref.service)
                ports = ", ".join(str(port.name or port.port) for port in service.ports) or "none"
                field = "name" if isinstance(ref.port, str) else "number"
                mistakes.manifest(ingress.document, (*at, "port", field), ref.port, f"a port of that Service: {ports}")
    for service in manifests.services:
        if not any(selects(service, d) and d.namespace == service.namespace for d in manifests.deployments):
            allowed = "labels that some Deployment's pods bear"
            mistakes.manifest(service.document, ("spec", "selector"), dict(service.selector), allowed)
    deployments = {d.name: d for d in manifests.deployments}
    for hpa in manifests.autoscalers:
        deployment = deployments.get(hpa.deployment)
        if deployment is None:
            allowed = f"the name of a Deployment in the manifests{near_miss(hpa.deployment, list(deployments))}"
            mistakes.manifest(hpa.document, ("spec", "scaleTargetRef", "name"), hpa.deployment, allowed)
        elif deployment.cpu_request_milli is None and any(m.utilization_percent for m in hpa.spec.metrics):
            at = ("spec", "template", "spec", "containers")
            allowed = f"resources.requests.cpu in every container, since HPA {hpa.name} scales on its utilization"
            mistakes.manifest(deployment.document, at, None, allowed)
    for deployment in manifests.deployments:
        missing = [k for k, v in deployment.selector.items() if deployment.pod_labels.get(k) != v]
        if missing or not deployment.selector:
            labels = dict(deployment.pod_labels)
            allowed = "labels that the pod template bears"
            mistakes.manifest(
                deployment.document, ("spec", "selector"), dict(deployment.selector), f"{allowed}: {labels}"
            )
    if not manifests.deployments or not manifests.ingresses:
        mistakes.scenario(("manifests",), list(scenario.manifests), "at least a Deployment, a Service and an Ingress")


def check_scenario(
    scenario: Scenario, manifests: Manifests, trace: tuple[tuple[str, float], ...] | None, mistakes: Mistakes
) -> None:
    """Traffic, request mix, workload and disturbances against each other and the manifests."""
    traffic = scenario.traffic
    if (traffic.phases is None) == (traffic.trace is None):
        mistakes.scenario(("traffic",), "both" if traffic.phases else "neither", "exactly one of `phases` and `trace`")
        return
    duration_s = 0.0
    if traffic.phases is not None:
        _check_phases(traffic.phases, mistakes)
        duration_s = sum(phase.duration for phase in traffic.phases)
        count = sum(p.duration * (p.rps if isinstance(p.rps, float) else sum(p.rps) / 2) for p in traffic.phases)
        if not count:
            mistakes.scenario(("traffic", "phases"), "0 requests", "at least one phase with a rate above 0")
    elif traffic.trace is not None and trace is not None:
        _check_trace(traffic.trace, trace, mistakes)
        duration_s = 60.0 * len(trace) / traffic.trace.speed
        count = _trace_count(traffic.trace, trace)
    if count > _MOST_REQUESTS:
        mistakes.scenario(("traffic",), f"{count:.3g} requests", f"at most {_MOST_REQUESTS:.0e} requests in one run")
    _check_requests(scenario, manifests, mistakes)
    for index, disturbance in enumerate(scenario.disturbances):
        at: FieldPath = ("disturbances", index)
        if disturbance.at >= duration_s:
            mistakes.scenario((*at, "at"), f"{disturbance.at:g}s", f"before the schedule's end at {duration_s:g}s")
        if isinstance(disturbance, KillDisturbance):
            most = sum(hpa.spec.max_replicas for hpa in manifests.autoscalers)
            most = max(most, sum(d.replicas for d in manifests.deployments))
            if disturbance.kill > most:
                mistakes.scenario((*at, "kill"), disturbance.kill, f"at most {most}, the pods there can ever be")
        elif scenario.workload.command is not None:
            mistakes.scenario((*at, "slow"), "with a command", "only pods of the stand-in can be slowed")


def _check_phases(phases: Sequence[Phase], mistakes: Mistakes) -> None:
    start_s = 0.0
    names: set[str] = set()
    for index, phase in enumerate(phases):
        at: FieldPath = ("traffic", "phases", index)
        if phase.name in names:
            mistakes.scenario((*at, "name"), phase.name, "a name no other phase has")
        names.add(phase.name)
        if phase.at is not None and not math.isclose(phase.at, start_s, abs_tol=1e-9):
            how = "overlaps the phase before it, which" if phase.at < start_s else "leaves a gap: the phase before it"
            mistakes.scenario((*at, "at"), f"{phase.at:g}s", f"{start_s:g}s; it {how} ends there")
        start_s += phase.duration


def _check_trace(trace: Trace, rows: tuple[tuple[str, float], ...], mistakes: Mistakes) -> None:
    row_of = {label: row for row, (label, _) in enumerate(rows)}
    last = -1
    for index, phase in enumerate(trace.phases):
        at: FieldPath = ("traffic", "trace", "phases", index, "since")
        row = row_of.get(phase.since)
        if row is None:
            allowed = f"a minute of {trace.file}, such as {rows[0][0]}{near_miss(phase.since, list(row_of))}"
            mistakes.scenario(at, phase.since, allowed)
        elif index == 0 and row != 0:
            mistakes.scenario(at, phase.since, f"the first minute of {trace.file}, {rows[0][0]}, for the first phase")
        elif row <= last:
            mistakes.scenario(at, phase.since, "a minute after the start of the phase before it")
        else:
            last = row


def _trace_count(trace: Trace, rows: tuple[tuple[str, float], ...]) -> float:
    counts = [count for _, count in rows]
    factor = 1.0
    if trace.scale_to_peak_rps is not None:
        factor = trace.scale_to_peak_rps * 60 / trace.speed / max(counts)
    return sum(counts) * factor


def _check_requests(scenario: Scenario, manifests: Manifests, mistakes: Mistakes) -> None:
    table = routes(manifests)
    known = set(backend_names(manifests))
    paths = list(scenario.workload.paths)
    for index, request in enumerate(scenario.traffic.requests):
        at: FieldPath = ("traffic", "requests", index)
        route = match(table, request.host, request.path)
        if route is None:
            served = ", ".join(f"{r.host or '*'}{r.path}" for r in table[:4]) or "none"
            mistakes.scenario((*at, "host"), f"{request.host}{request.path}", f"what an Ingress serves: {served}")
        elif route.backend in known:
            try:
                backend_deployment(manifests, route.backend)
            except KeyError:
                mistakes.scenario((*at, "path"), request.path, "a path whose Service has a Deployment")
        if request.path not in paths:
            allowed = f"a path described in workload.paths{near_miss(request.path, paths)}"
            mistakes.scenario((*at, "path"), request.path, allowed)
        if ("{key}" in request.path) != (request.keys > 1):
            mistakes.scenario((*at, "keys"), request.keys, "more than 1 with {key} in the path, and only then")
    used = [request.path for request in scenario.traffic.requests]
    for path, behaviour in scenario.workload.paths.items():
        if path not in used:
            mistakes.scenario(("workload", "paths", path), path, f"a path of the request mix{near_miss(path, used)}")
        mean_s = _mean_s(behaviour.time.model_dump())
        if behaviour.cpu > mean_s:
            at = ("workload", "paths", path, "cpu")
            mistakes.scenario(at, f"{behaviour.cpu:g}s", f"at most the mean time, {mean_s:g}s")
    command = scenario.workload.command
    if command is not None and not any("{port}" in word for word in command):
        mistakes.scenario(("workload", "command"), " ".join(command), "words with {port}, and {host}, to fill in")


def _mean_s(time: dict[str, object]) -> float:
    (kind,) = time.values()
    return float(kind["mean"]) if isinstance(kind, dict) else float(str(kind))

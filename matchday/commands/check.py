"""`matchday check`: validate a scenario and its manifests, and say what was understood."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from rich.markup import escape
from rich.table import Table

from balancer.policy.config import Backend, Balance
from balancer.policy.desired import backend_deployment, desired_config
from balancer.policy.hpa import HpaSpec
from balancer.policy.objects import Deployment
from balancer.policy.routing import match
from matchday.display import Display
from scenarios.load import LoadedScenario, load_scenario
from scenarios.schema import (
    ApiOutageDisturbance,
    Disturbance,
    KillDisturbance,
    MetricsOutageDisturbance,
    ReloadDisturbance,
    Request,
    RolloutDisturbance,
    SlowDisturbance,
    ZoneDisturbance,
)
from scenarios.traffic import phase_spans, rate_of

SCHEMA = "matchday/check/v1"


def run(path: Path, *, as_json: bool) -> int:
    """Print what was understood; 0, since a scenario that cannot be used is a ScenarioError."""
    loaded = load_scenario(path)
    report = understood(loaded)
    if as_json:
        print(json.dumps(report, indent=1))
        return 0
    display = Display(as_json=False)
    display.say(f"{loaded.scenario.name}: {loaded.scenario.description or 'no description'}")
    display.console.print(_phases(report))
    for line in _lines(loaded):
        display.say(line)
    for warning in loaded.warnings:
        display.say(f"warning: {warning}")
    return 0


def understood(loaded: LoadedScenario) -> dict[str, object]:
    """What a scenario says, as plain data: its load by phase, its requests, where they go and who serves them."""
    scenario, rate = loaded.scenario, rate_of(loaded)
    spans = phase_spans(loaded)
    phases = []
    for span in spans:
        before, after = rate.count(np.array([span.start_s, span.end_s])).tolist()
        phases.append(
            {
                "name": span.name,
                "start_s": span.start_s,
                "end_s": span.end_s,
                "surge": span.surge,
                "mean_rps": round((after - before) / (span.end_s - span.start_s), 6),
                "peak_rps": round(rate.peak(span.start_s, span.end_s), 6),
                "requests": round(after - before, 3),
            }
        )
    weight = sum(request.weight for request in scenario.traffic.requests)
    return {
        "schema": SCHEMA,
        "scenario": scenario.name,
        "scenario_sha256": loaded.sha256,
        "seed": scenario.seed,
        "duration_s": spans[-1].end_s,
        "requests": round(float(rate.expected()[-1]), 3),
        "phases": phases,
        "mix": [
            {
                "method": request.method,
                "host": request.host,
                "path": request.path,
                "share": round(request.weight / weight, 6),
                "backend": backend,
            }
            for request, backend in _routed(loaded)
        ],
        "backends": [_backend(loaded, backend) for backend in _backends(loaded).values()],
        "slo": {"p99_s": scenario.slo.p99, "success_ratio": scenario.slo.success},
        "warnings": list(loaded.warnings),
    }


def _backends(loaded: LoadedScenario) -> dict[str, Backend]:
    config = desired_config(loaded.manifests, {}, bind_address="127.0.0.1", bind_port=80).config
    used = {backend for _, backend in _routed(loaded)}
    return {backend.name: backend for backend in config.backends if backend.name in used}


def _routed(loaded: LoadedScenario) -> list[tuple[Request, str]]:
    """Each kind of request with the backend it goes to."""
    config = desired_config(loaded.manifests, {}, bind_address="127.0.0.1", bind_port=80).config
    routed = []
    for request in loaded.scenario.traffic.requests:
        route = match(config.routes, request.host, request.path)
        routed.append((request, (route.backend if route else config.default_backend) or "nowhere"))
    return routed


def _backend(loaded: LoadedScenario, backend: Backend) -> dict[str, object]:
    deployment = backend_deployment(loaded.manifests, backend.name)
    hpa = _autoscaler(loaded, deployment)
    return {
        "name": backend.name,
        "deployment": deployment.name,
        "replicas": deployment.replicas,
        "min_replicas": hpa.min_replicas if hpa else deployment.replicas,
        "max_replicas": hpa.max_replicas if hpa else deployment.replicas,
        "balance": _balance(backend.settings.balance),
        "pod_maxconn": backend.settings.pod_maxconn or None,
        "timeout_queue_s": backend.settings.timeouts.queue_s,
    }


def _autoscaler(loaded: LoadedScenario, deployment: Deployment) -> HpaSpec | None:
    for hpa in loaded.manifests.autoscalers:
        if (hpa.namespace, hpa.deployment) == (deployment.namespace, deployment.name):
            return hpa.spec
    return None


def _balance(balance: Balance) -> str:
    if balance.algorithm == "random":
        return f"random({balance.draws})"
    return f"{balance.algorithm}({balance.argument})" if balance.argument else balance.algorithm


def _phases(report: Mapping[str, object]) -> Table:
    table = Table("phase", box=None, pad_edge=False)
    for name in ("from", "length", "mean rps", "peak rps", "requests"):
        table.add_column(name, justify="right")
    table.add_column("")
    phases = report["phases"]
    assert isinstance(phases, list)
    for phase in phases:
        table.add_row(
            escape(phase["name"]),
            f"{phase['start_s']:g} s",
            f"{phase['end_s'] - phase['start_s']:g} s",
            f"{phase['mean_rps']:.4g}",
            f"{phase['peak_rps']:.4g}",
            f"{phase['requests']:,.0f}",
            "surge" if phase["surge"] else "",
        )
    table.add_row("total", "", f"{report['duration_s']:g} s", "", "", f"{report['requests']:,.0f}", "")
    return table


def _lines(loaded: LoadedScenario) -> list[str]:
    scenario = loaded.scenario
    weight = sum(request.weight for request in scenario.traffic.requests)
    lines = []
    for request, name in _routed(loaded):
        retries = f", retries {request.retries}" if request.retries else ""
        share = f"{request.weight / weight:.0%}, timeout {request.timeout:g} s{retries}"
        lines.append(f"{request.method} {request.host}{request.path} ({share}) -> {name}")
    for name, backend in _backends(loaded).items():
        settings, deployment = backend.settings, backend_deployment(loaded.manifests, name)
        limit = f"{settings.pod_maxconn} at once a pod" if settings.pod_maxconn else "no limit a pod"
        queue = f"queue {settings.timeouts.queue_s:g} s"
        pods = f"Deployment {deployment.name}, {_pods(deployment, _autoscaler(loaded, deployment))}"
        lines.append(f"{name} ({_balance(settings.balance)}, {limit}, {queue}) -> {pods}")
    lines += [f"at {disturbance.at:g} s: {_what(disturbance)}" for disturbance in scenario.disturbances]
    lines.append(f"SLO: p99 at most {scenario.slo.p99 * 1000:g} ms, {scenario.slo.success * 100:g} % succeed")
    return lines


def _what(disturbance: Disturbance) -> str:
    match disturbance:
        case KillDisturbance():
            return f"kill {disturbance.kill} of the pods"
        case SlowDisturbance(slow=slow):
            return f"slow {slow.pods} of the pods by {slow.factor:g} for {slow.duration:g} s"
        case ZoneDisturbance():
            return f"a zone cannot be reached for {disturbance.zone.duration:g} s"
        case ReloadDisturbance():
            return "every proxy reloads"
        case MetricsOutageDisturbance():
            return f"no metrics for {disturbance.metrics_outage:g} s"
        case ApiOutageDisturbance():
            return f"no API server for {disturbance.api_outage:g} s"
        case RolloutDisturbance():
            return f"a rolling update of {disturbance.rollout}"


def _pods(deployment: Deployment, hpa: HpaSpec | None) -> str:
    if hpa is None:
        return f"{deployment.replicas} pods, no HPA"
    targets = [
        f"{metric.name} at {metric.utilization_percent} % of {deployment.cpu_request_milli}m"
        if metric.utilization_percent and metric.name == "cpu"
        else metric.name
        for metric in hpa.metrics
    ]
    return f"{hpa.min_replicas} to {hpa.max_replicas} pods by {', '.join(targets)}"

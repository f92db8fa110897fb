"""Kubernetes documents → `Manifests`, and a `Problem` for everything in them that cannot be used."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from balancer.policy.autoscaler import read_autoscaler
from balancer.policy.config import PathType
from balancer.policy.fields import Field
from balancer.policy.objects import (
    Autoscaler,
    BackendRef,
    ConfigMap,
    Deployment,
    Ingress,
    IngressPath,
    Manifests,
    Probe,
    Problem,
    Service,
    ServicePort,
)
from balancer.policy.references import unresolved

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_NAME_WORDS = "lower-case letters, digits, `-` and `.`"
_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")
_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")
# Source: RFC 3986, 3.3, what a path may hold.
_PATH = re.compile(r"/([A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*")
_PATH_TYPES: Mapping[str, PathType] = {
    "Exact": "Exact",
    "Prefix": "Prefix",
    "ImplementationSpecific": "ImplementationSpecific",
}
_API_VERSIONS = {
    "Deployment": "apps/v1",
    "Service": "v1",
    "Ingress": "networking.k8s.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "ConfigMap": "v1",
}


def read_manifests(documents: Sequence[Mapping[str, object]]) -> tuple[Manifests, tuple[Problem, ...]]:
    """All that can be used of the documents, in their order, and all that is wrong with them.

    Never raises. A mistake costs what it stands in and no more: a path of an Ingress, a port of a Service.
    """
    problems: list[Problem] = []
    deployments: list[Deployment] = []
    services: list[Service] = []
    ingresses: list[Ingress] = []
    autoscalers: list[Autoscaler] = []
    config_maps: list[ConfigMap] = []
    readers: dict[str, Callable[[Field, str, str], None]] = {
        "Deployment": lambda *about: deployments.append(_deployment(*about)),
        "Service": lambda *about: services.append(_service(*about)),
        "Ingress": lambda *about: ingresses.append(_ingress(*about)),
        "ConfigMap": lambda *about: config_maps.append(_config_map(*about)),
    }
    seen: set[tuple[str, str, str]] = set()
    for index, value in enumerate(documents):
        document = Field(value, index, (), problems, required=True)
        identity = _identity(document, seen)
        if identity is None:
            continue
        kind, namespace, name = identity
        if kind == "HorizontalPodAutoscaler":
            autoscaler, wrong = read_autoscaler(value, index)
            problems += wrong
            autoscalers += [autoscaler] if autoscaler else []
        else:
            readers[kind](document, name, namespace)
    manifests = Manifests(tuple(deployments), tuple(services), tuple(ingresses), tuple(autoscalers), tuple(config_maps))
    return manifests, (*problems, *unresolved(manifests))


def _identity(document: Field, seen: set[tuple[str, str, str]]) -> tuple[str, str, str] | None:
    """Kind, namespace and name of a document we read, unless it lacks one or another had them before."""
    document.mapping()
    kind = document["kind"].needed.text()
    if kind is None:
        return None
    if kind not in _API_VERSIONS:
        document["kind"].complain(f"one of {', '.join(_API_VERSIONS)}")
        return None
    version = document["apiVersion"].needed
    if version.value != _API_VERSIONS[kind]:
        version.complain(f"{_API_VERSIONS[kind]} for a {kind}")
        return None
    metadata = document["metadata"].needed
    metadata.mapping()
    name = metadata["name"].needed.text(_NAME, _NAME_WORDS)
    namespace = "default" if metadata["namespace"].value is None else metadata["namespace"].text(_NAME, _NAME_WORDS)
    if name is None or namespace is None:
        return None
    if (kind, namespace, name) in seen:
        metadata["name"].complain(f"a name that no other {kind} of namespace {namespace} has")
        return None
    seen.add((kind, namespace, name))
    return kind, namespace, name


def _deployment(document: Field, name: str, namespace: str) -> Deployment:
    spec = document["spec"].needed
    selector_field = spec.below("selector", "matchLabels")
    selector = selector_field.needed.strings("labels")
    expressions = spec["selector"]["matchExpressions"]
    if expressions.value is not None:
        expressions.complain("matchLabels only")
    template = spec.below("template")
    labels_field = template.needed.below("metadata", "labels")
    labels = labels_field.strings("labels")
    if not selector.items() <= labels.items():
        selector_field.complain("labels that the pod template has too")
    pod = template.below("spec").needed
    containers = list(pod.below("containers").needed.items())
    ports = _container_ports(containers)
    return Deployment(
        name=name,
        namespace=namespace,
        replicas=spec["replicas"].whole(1),
        selector=selector,
        pod_labels=labels,
        ports={port_name: number for port_name, number in ports if port_name is not None},
        first_port=ports[0][1] if ports else None,
        cpu_request_milli=_cores(containers, "requests"),
        cpu_limit_milli=_cores(containers, "limits"),
        readiness=_readiness(containers),
        termination_grace_s=float(pod["terminationGracePeriodSeconds"].whole(30)),
        document=document.document,
    )


def _container_ports(containers: list[Field]) -> list[tuple[str | None, int]]:
    ports = []
    for container in containers:
        container.mapping()
        for port in container["ports"].items():
            port.mapping()
            number = port["containerPort"].needed.whole(0, 1, 65535)
            name = port["name"].text(_PORT_NAME, "a port name of up to 15 lower-case letters, digits and `-`")
            if number:
                ports.append((name, number))
    return ports


def _cores(containers: list[Field], which: str) -> int | None:
    """The sum over all containers, None when one leaves it out; a missing request is the limit, as in Kubernetes."""
    total = 0
    for container in containers:
        resources = container["resources"]
        own = resources.below(which, "cpu").cores_milli()
        if own is None and which == "requests":
            own = resources.below("limits", "cpu").cores_milli()
        if own is None:
            return None
        total += own
    return total or None


def _readiness(containers: list[Field]) -> Probe | None:
    """The first container's probe that has one. Defaults are Kubernetes' own."""
    for container in containers:
        probe = container["readinessProbe"]
        if probe.value is None:
            continue
        probe.mapping()
        http, tcp = probe["httpGet"], probe["tcpSocket"]
        how = http if http.value is not None else tcp
        how.mapping()
        if how.value is None:
            probe.complain("httpGet or tcpSocket: a pod of the local target cannot be asked in another way")
            continue
        path = None
        if how is http:
            path = "/" if http["path"].value is None else http["path"].text(_PATH, "a path that begins with /")
        return Probe(
            path=path,
            port=_port(how["port"].needed),
            initial_delay_s=float(probe["initialDelaySeconds"].whole(0)),
            period_s=float(probe["periodSeconds"].whole(10, 1)),
            timeout_s=float(probe["timeoutSeconds"].whole(1, 1)),
            success_threshold=probe["successThreshold"].whole(1, 1),
            failure_threshold=probe["failureThreshold"].whole(3, 1),
        )
    return None


def _port(field: Field) -> int | str | None:
    """A port's number or name."""
    if isinstance(field.value, str):
        return field.text(_PORT_NAME, "a port number from 1 to 65535, or the name of a port")
    return field.whole(0, 1, 65535) or None


def _service(document: Field, name: str, namespace: str) -> Service:
    spec = document["spec"].needed
    spec.mapping()
    ports = []
    for port in spec["ports"].needed.items():
        port.mapping()
        number = port["port"].needed.whole(0, 1, 65535)
        target = number if port["targetPort"].value is None else _port(port["targetPort"])
        if number and target:
            ports.append(ServicePort(port["name"].text(_PORT_NAME, "a port name"), number, target))
    return Service(
        name=name,
        namespace=namespace,
        selector=spec["selector"].strings("labels"),
        ports=tuple(ports),
        annotations=document["metadata"]["annotations"].strings("annotations"),
        document=document.document,
    )


def _ingress(document: Field, name: str, namespace: str) -> Ingress:
    spec = document["spec"].needed
    spec.mapping()
    paths: list[IngressPath] = []
    for index, rule in enumerate(spec["rules"].items()):
        rule.mapping()
        host = (
            rule["host"].text(_HOST, "a DNS name in lower case, or *. and a DNS name") if rule["host"].value else None
        )
        if rule["host"].value and host is None:
            continue
        for number, path in enumerate(rule.below("http", "paths").needed.items()):
            read = _ingress_path(path, host, index, number)
            paths += [read] if read else []
    default = spec["defaultBackend"]
    return Ingress(
        name=name,
        namespace=namespace,
        paths=tuple(paths),
        default_backend=_backend_ref(default) if default.value is not None else None,
        ingress_class=spec["ingressClassName"].text(),
        annotations=document["metadata"]["annotations"].strings("annotations"),
        document=document.document,
    )


def _ingress_path(field: Field, host: str | None, rule: int, index: int) -> IngressPath | None:
    field.mapping()
    kind = field["pathType"].needed
    path_type = _PATH_TYPES.get(kind.value) if isinstance(kind.value, str) else None
    if path_type is None:
        kind.complain(f"one of {', '.join(_PATH_TYPES)}")
    path = "/" if field["path"].value is None else field["path"].text(_PATH, "a path of a URL that begins with /")
    if path is not None and _has_empty_element(path):
        field["path"].complain("a path without empty, . or .. elements")
        path = None
    backend = _backend_ref(field["backend"].needed)
    if path is None or path_type is None or backend is None:
        return None
    return IngressPath(host, path, path_type, backend, rule, index)


def _has_empty_element(path: str) -> bool:
    """Source: Kubernetes, pkg/apis/networking/validation, invalidPathSequences."""
    elements = path.split("/")[1:]
    return (
        any(first in {"", ".", ".."} for first, _ in pairwise([*elements, ""]))
        and path != "/"
        and ("//" in path or any(element in {".", ".."} for element in elements))
    )


def _backend_ref(field: Field) -> BackendRef | None:
    service = field.below("service").needed
    name = service.below("name").needed.text(_NAME, _NAME_WORDS)
    port = service.below("port").needed
    number, port_name = port["number"], port["name"]
    which = _port(port_name if port_name.value is not None else number.needed) if port.mapping() else None
    return BackendRef(name, which) if name is not None and which is not None else None


def _config_map(document: Field, name: str, namespace: str) -> ConfigMap:
    return ConfigMap(name, namespace, document["data"].strings("values of data"), document.document)

"""Kubernetes documents → `Manifests` and problems. Whatever the JSON, a mistake is a Problem, never an exception."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from balancer.policy.autoscaler import read_autoscaler
from balancer.policy.config import PathType
from balancer.policy.objects import (
    Autoscaler,
    BackendRef,
    ConfigMap,
    Deployment,
    Ingress,
    IngressPath,
    IngressTls,
    Manifests,
    Probe,
    Problem,
    Service,
    ServicePort,
)
from balancer.policy.reader import HOST, NAME, PORT_NAME, PROBE_PATH, URL_PATH, Path, Reader
from balancer.policy.spelling import explained, misspelt

# The kinds that are read, and the API version each must have.
KINDS = {
    "Deployment": "apps/v1",
    "Service": "v1",
    "Ingress": "networking.k8s.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "ConfigMap": "v1",
}
_PATH_TYPES: tuple[PathType, ...] = ("Exact", "Prefix", "ImplementationSpecific")


def read_manifests(documents: Sequence[Mapping[str, object]], first: int = 0) -> tuple[Manifests, tuple[Problem, ...]]:
    """All that can be used of the documents, in their order, and all that is wrong with them.

    A mistake costs what it stands in and no more: a path of an Ingress, a port of a Service. What only looks misspelt
    is a warning of the Manifests. Documents are counted from `first`.
    """
    deployments: list[Deployment] = []
    services: list[Service] = []
    ingresses: list[Ingress] = []
    autoscalers: list[Autoscaler] = []
    config_maps: list[ConfigMap] = []
    problems: list[Problem] = []
    warnings: list[Problem] = []
    seen: set[tuple[str, str, str]] = set()
    for index, document in enumerate(documents, first):
        reader = Reader(index)
        identity = _identity(reader, document, seen)
        if identity is not None:
            kind, namespace, name = identity
            warnings += misspelt(kind, document, index)
            meta = reader.mapping(document, ("metadata",))
            annotations = reader.strings(meta, ("metadata", "annotations"))
            if kind == "Deployment":
                deployments.append(_deployment(reader, document, name, namespace))
            elif kind == "Service":
                services.append(_service(reader, document, name, namespace, annotations))
            elif kind == "Ingress":
                ingresses.append(_ingress(reader, document, name, namespace, annotations))
            elif kind == "ConfigMap":
                config_maps.append(ConfigMap(name, namespace, reader.strings(document, ("data",)), index))
            else:
                autoscaler, found = read_autoscaler(document, index)
                problems += found
                autoscalers += [autoscaler] if autoscaler is not None else []
        problems += reader.problems
    problems = [explained(problem, warnings) for problem in problems]
    objects = (tuple(deployments), tuple(services), tuple(ingresses), tuple(autoscalers), tuple(config_maps))
    return Manifests(*objects, warnings=tuple(warnings)), tuple(problems)


def _identity(reader: Reader, document: object, seen: set[tuple[str, str, str]]) -> tuple[str, str, str] | None:
    """Kind, namespace and name; None when one of them is wrong, or an earlier document has the same."""
    if not isinstance(document, Mapping):
        reader.refuse((), document, "a mapping")
        return None
    kind = reader.text(document, ("kind",), required=True)
    if kind is None:
        return None
    if kind not in KINDS:
        reader.refuse(("kind",), kind, f"one of {', '.join(KINDS)}")
        return None
    version = document.get("apiVersion")
    if version != KINDS[kind]:
        reader.refuse(("apiVersion",), version, f"{KINDS[kind]} for a {kind}")
    meta = reader.mapping(document, ("metadata",), required=True)
    name = reader.text(meta, ("metadata", "name"), required=True, form=NAME)
    namespace = reader.text(meta, ("metadata", "namespace"), form=NAME)
    if name is None or (namespace is None and meta.get("namespace") is not None):
        return None
    identity = (kind, namespace or "default", name)
    if identity in seen:
        reader.refuse(("metadata", "name"), name, f"a name that no other {kind} in namespace {identity[1]} has")
        return None
    seen.add(identity)
    return identity


def _deployment(reader: Reader, document: Mapping[str, object], name: str, namespace: str) -> Deployment:
    spec = reader.mapping(document, ("spec",), required=True)
    replicas = reader.whole(spec, ("spec", "replicas"), 0, 100_000)
    selector = reader.mapping(spec, ("spec", "selector"), required=True)
    template = reader.mapping(spec, ("spec", "template"), required=True)
    meta = reader.mapping(template, ("spec", "template", "metadata"))
    pod_path: Path = ("spec", "template", "spec")
    pod = reader.mapping(template, pod_path, required=True)
    containers = reader.items(pod, (*pod_path, "containers"), required=True)
    ports: dict[str, int] = {}
    first_port: int | None = None
    probe: Probe | None = None
    requests: list[int | None] = []
    limits: list[int | None] = []
    for path, container in containers:
        for port_path, port in reader.items(container, (*path, "ports")):
            number = reader.whole(port, (*port_path, "containerPort"), 1, 65535)
            port_name = reader.text(port, (*port_path, "name"), form=PORT_NAME)
            if number is not None:
                first_port = first_port or number
                ports |= {port_name: number} if port_name else {}
        resources = reader.mapping(container, (*path, "resources"))
        for kind, found in (("requests", requests), ("limits", limits)):
            amounts = reader.mapping(resources, (*path, "resources", kind))
            found.append(reader.milli(amounts, (*path, "resources", kind, "cpu")))
        if probe is None and container.get("readinessProbe") is not None:
            probe = _probe(reader, container, (*path, "readinessProbe"))
    grace_s = reader.whole(pod, (*pod_path, "terminationGracePeriodSeconds"), 0, 86_400)
    cpu_limit = _sum(limits)
    surge, unavailable = _rolling_update(reader, spec)
    return Deployment(
        name=name,
        namespace=namespace,
        replicas=1 if replicas is None else replicas,
        selector=reader.strings(selector, ("spec", "selector", "matchLabels")),
        pod_labels=reader.strings(meta, ("spec", "template", "metadata", "labels")),
        ports=ports,
        first_port=first_port,
        # Source: Kubernetes documentation: a request left out equals the limit.
        cpu_request_milli=_sum([r if r is not None else limit for r, limit in zip(requests, limits, strict=True)]),
        cpu_limit_milli=cpu_limit,
        readiness=probe,
        termination_grace_s=30.0 if grace_s is None else float(grace_s),
        max_surge=surge,
        max_unavailable=unavailable,
        document=reader.document,
    )


def _rolling_update(reader: Reader, spec: Mapping[str, object]) -> tuple[int | str, int | str]:
    """(maxSurge, maxUnavailable); Recreate takes all old pods away first."""
    path: Path = ("spec", "strategy")
    strategy = reader.mapping(spec, path)
    kind = reader.text(strategy, (*path, "type"))
    if kind == "Recreate":
        return 0, "100%"
    if kind not in {None, "RollingUpdate"}:
        reader.refuse((*path, "type"), kind, "RollingUpdate or Recreate")
    path = (*path, "rollingUpdate")
    body = reader.mapping(strategy, path)
    surge = reader.pods_or_percent(body, (*path, "maxSurge"), 1000)
    unavailable = reader.pods_or_percent(body, (*path, "maxUnavailable"), 100)
    surge, unavailable = "25%" if surge is None else surge, "25%" if unavailable is None else unavailable
    if {surge, unavailable} <= {0, "0%"}:
        reader.refuse((*path, "maxUnavailable"), unavailable, "more than 0 where maxSurge is 0")
        return "25%", "25%"
    return surge, unavailable


def _sum(amounts: list[int | None]) -> int | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known and len(known) == len(amounts) else None


def _probe(reader: Reader, container: Mapping[str, object], path: Path) -> Probe:
    probe = reader.mapping(container, path, required=True)
    get = reader.mapping(probe, (*path, "httpGet"))
    tcp = reader.mapping(probe, (*path, "tcpSocket"))
    if not get and not tcp:
        reader.refuse(path, dict(probe), "a probe with httpGet or tcpSocket")

    def seconds(name: str, default: int, low: int) -> int:
        value = reader.whole(probe, (*path, name), low, 3600)
        return default if value is None else value

    # Source: Kubernetes API reference, Probe: its defaults.
    return Probe(
        path=(reader.text(get, (*path, "httpGet", "path"), form=PROBE_PATH) or "/") if get else None,
        port=reader.port(get or tcp, (*path, "httpGet" if get else "tcpSocket", "port")),
        initial_delay_s=float(seconds("initialDelaySeconds", 0, 0)),
        period_s=float(seconds("periodSeconds", 10, 1)),
        timeout_s=float(seconds("timeoutSeconds", 1, 1)),
        success_threshold=seconds("successThreshold", 1, 1),
        failure_threshold=seconds("failureThreshold", 3, 1),
    )


def _service(
    reader: Reader, document: Mapping[str, object], name: str, namespace: str, annotations: Mapping[str, str]
) -> Service:
    spec = reader.mapping(document, ("spec",), required=True)
    ports = []
    needs_ports = spec.get("type") != "ExternalName"
    for path, entry in reader.items(spec, ("spec", "ports"), required=needs_ports):
        number = reader.whole(entry, (*path, "port"), 1, 65535)
        if number is None:
            if "port" not in entry:
                reader.refuse((*path, "port"), None, "a port number")
            continue
        target = reader.port(entry, (*path, "targetPort"))
        port_name = reader.text(entry, (*path, "name"), form=PORT_NAME)
        ports.append(ServicePort(port_name, number, number if target is None else target))
    external = reader.text(spec, ("spec", "externalName")) if spec.get("type") == "ExternalName" else None
    selector = reader.strings(spec, ("spec", "selector"))
    return Service(name, namespace, selector, tuple(ports), annotations, reader.document, external)


def _ingress(
    reader: Reader, document: Mapping[str, object], name: str, namespace: str, annotations: Mapping[str, str]
) -> Ingress:
    spec = reader.mapping(document, ("spec",), required=True)
    default = None
    if "defaultBackend" in spec:
        default = _backend_ref(reader, spec, ("spec", "defaultBackend"))
    paths = []
    for rule_index, (rule_path, rule) in enumerate(reader.items(spec, ("spec", "rules"))):
        host = reader.text(rule, (*rule_path, "host"), form=HOST)
        if host is None and rule.get("host"):
            continue  # to serve it on every host would be worse than not to serve it
        http = reader.mapping(rule, (*rule_path, "http"))
        for index, (path, entry) in enumerate(reader.items(http, (*rule_path, "http", "paths"))):
            backend = _backend_ref(reader, entry, (*path, "backend"))
            text = "/" if entry.get("path") is None else reader.text(entry, (*path, "path"), form=URL_PATH)
            path_type = _path_type(entry.get("pathType"))
            if path_type is None:
                reader.refuse((*path, "pathType"), entry.get("pathType"), "Exact, Prefix or ImplementationSpecific")
            if text is not None and path_type is not None and backend is not None:
                paths.append(IngressPath(host, text, path_type, backend, rule_index, index))
    ingress_class = reader.text(spec, ("spec", "ingressClassName"))
    tls = _tls(reader, spec)
    return Ingress(name, namespace, tuple(paths), default, ingress_class, annotations, reader.document, tls)


def _tls(reader: Reader, spec: Mapping[str, object]) -> tuple[IngressTls, ...]:
    found = []
    for path, entry in reader.items(spec, ("spec", "tls")):
        hosts = entry.get("hosts", ())
        good = []
        for index, host in enumerate(hosts if isinstance(hosts, list | tuple) else ()):
            if isinstance(host, str) and HOST.pattern.fullmatch(host):
                good.append(host)
            else:
                reader.refuse((*path, "hosts", index), host, HOST.allowed)
        if good or not hosts:  # without any host it would be shown for all
            found.append(IngressTls(tuple(good), reader.text(entry, (*path, "secretName"), form=NAME)))
    return tuple(found)


def _path_type(value: object) -> PathType | None:
    return next((known for known in _PATH_TYPES if known == value), None)


def _backend_ref(reader: Reader, parent: Mapping[str, object], path: Path) -> BackendRef | None:
    service_path = (*path, "service")
    service = reader.mapping(reader.mapping(parent, path, required=True), service_path, required=True)
    if not service:
        return None  # said already, in one word
    name = reader.text(service, (*service_path, "name"), required=True)
    port_path = (*service_path, "port")
    port = reader.mapping(service, port_path, required=True)
    value = reader.text(port, (*port_path, "name"), form=PORT_NAME) or reader.whole(
        port, (*port_path, "number"), 1, 65535
    )
    if value is None:
        reader.refuse(port_path, dict(port), "a port `name` or `number`")
    return BackendRef(name, value) if name is not None and value is not None else None

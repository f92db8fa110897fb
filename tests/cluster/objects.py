"""The objects the tests give to a cluster, as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.cluster.kindly import APP_IMAGE

Json = dict[str, Any]
CLASS = "matchday"


def deployment(
    name: str,
    replicas: int = 1,
    *,
    drain_s: float = 3.0,
    grace_s: int = 30,
    env: Mapping[str, str] | None = None,
    ports: Mapping[str, int] | None = None,
    surge: str = "1",
    tls_secret: str | None = None,
) -> Json:
    """The test application. With `drain_s` 0 it drops everything on SIGTERM."""
    ports = ports or {"http": 8080}
    words = {"DRAIN_S": f"{drain_s:g}", "PORTS": ",".join(str(port) for port in ports.values()), **(env or {})}
    container: Json = {
        "name": "app",
        "image": APP_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "env": [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            *({"name": key, "value": value} for key, value in words.items()),
        ],
        "ports": [{"name": key, "containerPort": port} for key, port in ports.items()],
        "readinessProbe": {"tcpSocket": {"port": next(iter(ports.values()))}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "1m", "memory": "8Mi"}},
    }
    spec: Json = {"terminationGracePeriodSeconds": grace_s, "containers": [container]}
    if tls_secret:
        container["volumeMounts"] = [{"name": "tls", "mountPath": "/tls"}]
        spec["volumes"] = [{"name": "tls", "secret": {"secretName": tls_secret}}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "strategy": {"rollingUpdate": {"maxSurge": int(surge), "maxUnavailable": 0}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": spec},
        },
    }


def service(
    name: str, *, annotations: Mapping[str, str] | None = None, ports: Sequence[Json] | None = None, **spec: Any
) -> Json:
    """A Service of the Deployment of the same name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "annotations": dict(annotations or {})},
        "spec": {
            "selector": {"app": name},
            "ports": list(ports or [{"name": "http", "port": 80, "targetPort": 8080}]),
            **spec,
        },
    }


def backend(service_name: str, port: int | str = 80) -> Json:
    """What an Ingress points at."""
    chosen = {"number": port} if isinstance(port, int) else {"name": port}
    return {"service": {"name": service_name, "port": chosen}}


def path(service_name: str, value: str = "/", kind: str = "Prefix", port: int | str = 80) -> Json:
    """One path of a rule."""
    return {"path": value, "pathType": kind, "backend": backend(service_name, port)}


def ingress(
    name: str,
    hosts: Mapping[str, Sequence[Json]] | None = None,
    *,
    annotations: Mapping[str, str] | None = None,
    ingress_class: str | None = CLASS,
    tls: Sequence[Json] | None = None,
    default: Json | None = None,
) -> Json:
    """An Ingress; a host of "" is any host."""
    spec: Json = {"rules": [_rule(host, paths) for host, paths in (hosts or {}).items()]}
    if ingress_class:
        spec["ingressClassName"] = ingress_class
    if tls:
        spec["tls"] = list(tls)
    if default:
        spec["defaultBackend"] = default
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "annotations": dict(annotations or {})},
        "spec": spec,
    }


def _rule(host: str, paths: Sequence[Json]) -> Json:
    rule: Json = {"http": {"paths": list(paths)}}
    return {"host": host, **rule} if host else rule


def application(
    name: str, host: str, replicas: int = 1, *, drain_s: float = 3.0, annotations: Mapping[str, str] | None = None
) -> list[Json]:
    """Deployment, Service and Ingress of one host."""
    return [
        deployment(name, replicas, drain_s=drain_s),
        service(name, annotations=annotations),
        ingress(name, {host: [path(name)]}),
    ]

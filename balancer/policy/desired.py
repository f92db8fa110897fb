"""Kubernetes objects and live endpoints → the `ProxyConfig` they ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from balancer.policy.annotations import Refused, settings_from
from balancer.policy.config import Backend, BackendSettings, ProxyConfig, Route, Server
from balancer.policy.objects import BackendRef, Deployment, Endpoint, Ingress, Manifests, Problem, Service, ServicePort
from balancer.policy.routing import ordered

CONFIG_MAP = "matchday"


@dataclass(frozen=True)
class Desired:
    """What the proxy should be, and what was refused on the way there."""

    config: ProxyConfig
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class _Use:
    """A backend as the first Ingress that names it asks for it."""

    ingress: Ingress
    service: Service
    port: ServicePort


def desired_config(
    manifests: Manifests,
    endpoints: Mapping[str, tuple[Endpoint, ...]],
    *,
    bind_address: str,
    bind_port: int,
    proxies: int = 1,
    server_ids: Mapping[str, int] | None = None,
) -> Desired:
    """The wished-for proxy. `endpoints` and backends are keyed by `namespace_service_port`.

    `server_ids` names HAProxy's explicit id per endpoint name; without it they count from 1 in the order given.
    A pod's maxconn is shared by `proxies`, rounded up, so that it never becomes 0, which would be unlimited.
    """
    warnings: dict[tuple[int, str], Problem] = {}
    backends = []
    timeouts = None
    for name, use in _uses(manifests).items():
        settings, refused = _settings(manifests, use)
        for document, item in refused:
            place = ("metadata", "annotations", item.name)
            warnings[document, item.name] = Problem(document, place, item.value, item.allowed)
        timeouts = timeouts or settings.timeouts
        maxconn = -(-settings.pod_maxconn // proxies)
        servers = tuple(
            Server(
                name=endpoint.name,
                id=server_ids[endpoint.name] if server_ids is not None else index,
                address=endpoint.address,
                port=endpoint.port,
                maxconn=maxconn,
                state="ready" if endpoint.serving else "drain",
            )
            for index, endpoint in enumerate(endpoints.get(name, ()), start=1)
        )
        backends.append(Backend(name, settings, servers))
    config = ProxyConfig(bind_address, bind_port, routes(manifests), tuple(backends), _default(manifests))
    if timeouts is not None:
        config = replace(config, timeouts=timeouts)
    return Desired(config, tuple(warnings.values()))


def routes(manifests: Manifests) -> tuple[Route, ...]:
    """All Ingresses' rules as one table, by precedence; paths whose Service does not exist are left out."""
    return ordered(
        Route(path.host, path.path, path.path_type, name)
        for ingress in manifests.ingresses
        for path in ingress.paths
        if (name := _name(manifests, ingress, path.backend)) is not None
    )


def backend_names(manifests: Manifests) -> tuple[str, ...]:
    """Every backend some Ingress uses."""
    return tuple(_uses(manifests))


def backend_deployment(manifests: Manifests, backend: str) -> Deployment:
    """The Deployment whose pods stand behind a backend; KeyError when no Deployment matches its Service."""
    service = _uses(manifests)[backend].service
    for deployment in manifests.deployments:
        if deployment.namespace == service.namespace and selects(service, deployment):
            return deployment
    raise KeyError(backend)


def selects(service: Service, deployment: Deployment) -> bool:
    """Whether the Service's selector matches the Deployment's pods; an empty selector matches none."""
    wanted = service.selector.items()
    return bool(wanted) and all(deployment.pod_labels.get(key) == value for key, value in wanted)


def resolve(manifests: Manifests, namespace: str, ref: BackendRef) -> tuple[Service, ServicePort] | None:
    """The Service and port a reference means; None when there is no such thing."""
    for service in manifests.services:
        if (service.namespace, service.name) == (namespace, ref.service):
            for port in service.ports:
                if ref.port in {port.port, port.name}:
                    return service, port
    return None


def _uses(manifests: Manifests) -> dict[str, _Use]:
    uses: dict[str, _Use] = {}
    for ingress in manifests.ingresses:
        refs = [path.backend for path in ingress.paths]
        for ref in [*refs, *([ingress.default_backend] if ingress.default_backend else [])]:
            found = resolve(manifests, ingress.namespace, ref)
            if found is not None:
                uses.setdefault(backend_name(*found), _Use(ingress, *found))
    return uses


def backend_name(service: Service, port: ServicePort) -> str:
    """`namespace_service_port`, the port by its name where it has one."""
    return f"{service.namespace}_{service.name}_{port.name or port.port}"


def _name(manifests: Manifests, ingress: Ingress, ref: BackendRef) -> str | None:
    found = resolve(manifests, ingress.namespace, ref)
    return None if found is None else backend_name(*found)


def _default(manifests: Manifests) -> str | None:
    for ingress in manifests.ingresses:
        if ingress.default_backend is not None:
            return _name(manifests, ingress, ingress.default_backend)
    return None


def _settings(manifests: Manifests, use: _Use) -> tuple[BackendSettings, list[tuple[int, Refused]]]:
    """Settings, and what was refused with the document that said it."""
    layers = [(m.document, m.data) for m in manifests.config_maps if m.name == CONFIG_MAP]
    layers += [(use.ingress.document, use.ingress.annotations), (use.service.document, use.service.annotations)]
    settings, refused = settings_from(layer for _, layer in layers)
    told = []
    for item in refused:
        document = next(d for d, layer in reversed(layers) if layer.get(item.name) == item.value)
        told.append((document, item))
    return settings, told

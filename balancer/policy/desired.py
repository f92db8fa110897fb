"""Kubernetes objects and live endpoints → the `ProxyConfig` they ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from balancer.policy.annotations import VOCABULARY, Layer, settings_from
from balancer.policy.config import Backend, BackendSettings, ProxyConfig, Route, Server, ServerState
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
    """A backend, and the Ingresses that name it in the order read."""

    service: Service
    port: ServicePort
    ingresses: tuple[Ingress, ...] = ()


def desired_config(
    manifests: Manifests,
    endpoints: Mapping[str, tuple[Endpoint, ...]],
    *,
    bind_address: str,
    bind_port: int,
    proxies: int = 1,
    current: ProxyConfig | None = None,
) -> Desired:
    """The wished-for proxy. `endpoints` and backends are keyed by `namespace_service_port`; see `with_servers`."""
    frame = without_servers(manifests, bind_address=bind_address, bind_port=bind_port)
    return replace(frame, config=with_servers(frame.config, endpoints, proxies=proxies, current=current))


def without_servers(manifests: Manifests, *, bind_address: str, bind_port: int) -> Desired:
    """What the manifests alone say: routes, backends and their settings."""
    defaults = _default_layers(manifests)
    for_all, problems = settings_from(defaults)
    warnings = dict.fromkeys((*manifests.warnings, *problems))
    backends = []
    for name, use in _uses(manifests).items():
        settings, problems = _settings(defaults, use)
        warnings |= dict.fromkeys(problems)
        backends.append(Backend(name, settings))
    table, default = routes(manifests), _default_backend(manifests)
    config = ProxyConfig(bind_address, bind_port, table, tuple(backends), default, for_all.timeouts)
    return Desired(config, tuple(warnings))


def with_servers(
    frame: ProxyConfig,
    endpoints: Mapping[str, tuple[Endpoint, ...]],
    *,
    proxies: int = 1,
    current: ProxyConfig | None = None,
) -> ProxyConfig:
    """`frame` with a server for each endpoint.

    A server keeps the id it has in `current`; a new one gets the lowest that no server there has, so that hashing
    stays put while pods come and go. A pod's limits are shared by `proxies`, as `share` says.
    """
    known = {} if current is None else {backend.name: backend.servers for backend in current.backends}
    backends = []
    for backend in frame.backends:
        servers = _servers(endpoints.get(backend.name, ()), known.get(backend.name, ()), backend.settings, proxies)
        backends.append(replace(backend, servers=tuple(servers)))
    return replace(frame, backends=tuple(backends))


def routes(manifests: Manifests) -> tuple[Route, ...]:
    """All Ingresses' rules as one table, by precedence; paths whose Service does not exist are left out."""
    return ordered(
        Route(path.host, path.path, path.path_type, backend_name(*found))
        for ingress in manifests.ingresses
        for path in ingress.paths
        if (found := resolve(manifests, ingress.namespace, path.backend)) is not None
    )


def backend_names(manifests: Manifests) -> tuple[str, ...]:
    """Every backend some Ingress uses."""
    return tuple(_uses(manifests))


def backend_name(service: Service, port: ServicePort) -> str:
    """`namespace_service_port`, the port by its name where it has one."""
    return f"{service.namespace}_{service.name}_{port.name or port.port}"


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
        if service.name == ref.service and service.namespace == namespace:
            for port in service.ports:
                if ref.port in (port.port, port.name):
                    return service, port
    return None


def _uses(manifests: Manifests) -> dict[str, _Use]:
    uses: dict[str, _Use] = {}
    for ingress in manifests.ingresses:
        default = [ingress.default_backend] if ingress.default_backend else []
        for ref in [*(path.backend for path in ingress.paths), *default]:
            found = resolve(manifests, ingress.namespace, ref)
            if found is None:
                continue
            use = uses.get(backend_name(*found), _Use(*found))
            if ingress not in use.ingresses:
                use = _Use(*found, (*use.ingresses, ingress))
            uses[backend_name(*found)] = use
    return uses


def _default_backend(manifests: Manifests) -> str | None:
    """The first default backend that exists."""
    for ingress in manifests.ingresses:
        found = resolve(manifests, ingress.namespace, ingress.default_backend) if ingress.default_backend else None
        if found is not None:
            return backend_name(*found)
    return None


def _default_layers(manifests: Manifests) -> list[Layer]:
    maps = [config_map for config_map in manifests.config_maps if config_map.name == CONFIG_MAP]
    return [Layer(config_map.document, ("data",), config_map.data, bare=True) for config_map in maps]


def _settings(defaults: Sequence[Layer], use: _Use) -> tuple[BackendSettings, tuple[Problem, ...]]:
    """Settings of a backend; where two Ingresses name it, both are heard, and the first read wins."""
    place = ("metadata", "annotations")
    ingresses = [Layer(ingress.document, place, ingress.annotations) for ingress in use.ingresses]
    service = Layer(use.service.document, place, use.service.annotations)
    settings, problems = settings_from([*defaults, *reversed(ingresses), service])
    return settings, (*problems, *_disagreements(use, ingresses))


def _disagreements(use: _Use, ingresses: Sequence[Layer]) -> Iterator[Problem]:
    """Annotations that only some of the Ingresses of one backend have: they hold for all of its requests."""
    for layer in ingresses:
        for word, (name, value) in layer.words.items():
            others = [other.words.get(word, ("", ""))[1] for other in ingresses]
            if word in VOCABULARY and any(other != value for other in others):
                names = " and ".join(ingress.name for ingress in use.ingresses)
                yield layer.problem(name, f"the same in Ingresses {names}, whose requests share a backend")


def share(limit: int, proxies: int) -> int:
    """One proxy's part of a pod's limit: rounded down, but never to 0, which would be unlimited; 0 stays 0."""
    return max(1, limit // proxies) if limit else 0


def _servers(
    endpoints: Sequence[Endpoint], known: Sequence[Server], settings: BackendSettings, proxies: int
) -> Iterator[Server]:
    ids = {server.name: server.id for server in known}
    taken = set(ids.values())
    free = (number for number in count(1) if number not in taken)
    seen: set[str] = set()
    for endpoint in endpoints:
        if endpoint.name in seen:
            continue
        seen.add(endpoint.name)
        number = ids[endpoint.name] if endpoint.name in ids else next(free)
        state: ServerState = "ready" if endpoint.serving else "drain"
        yield Server(
            endpoint.name,
            number,
            endpoint.address,
            endpoint.port,
            maxconn=share(settings.pod_maxconn, proxies),
            state=state,
            minconn=share(settings.pod_minconn, proxies),
            maxqueue=share(settings.pod_maxqueue, proxies),
            slowstart_s=settings.slowstart_s,
        )

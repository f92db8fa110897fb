"""Kubernetes objects and live endpoints → the `ProxyConfig` they ask for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import is_

from balancer.policy.annotations import VOCABULARY, Layer, settings_from
from balancer.policy.config import NOWHERE, Backend, BackendSettings, Condition, ProxyConfig, Route, User
from balancer.policy.objects import (
    BackendRef,
    ConfigMap,
    Deployment,
    Endpoint,
    Ingress,
    Manifests,
    Problem,
    Service,
    ServicePort,
)
from balancer.policy.routing import ordered
from balancer.policy.servers import Servers
from balancer.policy.values import NOBODY

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

    def same(self, other: _Use) -> bool:
        """Whether it is made of the very same objects."""
        ours, theirs = (self.service, *self.ingresses), (other.service, *other.ingresses)
        return len(ours) == len(theirs) and all(map(is_, ours, theirs))


@dataclass(frozen=True)
class _Made:
    """A backend without servers, what is wrong with its annotations, and what both were made of."""

    use: _Use
    defaults: Sequence[Layer]
    tls: tuple[str, ...]
    backend: Backend
    problems: tuple[Problem, ...]


class Frames:
    """Reads manifests again and again; a backend whose objects did not change comes out as the very same object."""

    def __init__(
        self, *, bind_address: str, bind_port: int, https_port: int | None = None, allow_snippets: bool = False
    ) -> None:
        self._empty = ProxyConfig(bind_address, bind_port, https_port=https_port)
        self._allow_snippets = allow_snippets
        self._made: dict[str, _Made] = {}
        self._routes: tuple[Route, ...] = ()
        self._users: Mapping[tuple[str, str], tuple[User, ...]] = {}
        self._plain: dict[str, tuple[BackendSettings, BackendSettings, str]] = {}
        self._defaults: list[Layer] = []
        self._config_maps: tuple[ConfigMap, ...] = ()
        self._for_all: tuple[BackendSettings, tuple[Problem, ...]] = self._settings([])

    def frame(self, manifests: Manifests) -> Desired:
        """What the manifests alone say: routes, backends and their settings, without any server."""
        self._read_defaults(manifests)
        if manifests.users != self._users:
            self._users, self._made = manifests.users, {}
        for_all, problems = self._for_all
        warnings = dict.fromkeys((*manifests.warnings, *problems))
        made: dict[str, _Made] = {}
        listed = {certificate.name for certificate in manifests.certificates}
        for name, use in _uses(manifests).items():
            last = self._made.get(name)
            tls = _hosts_with_certificate(use, listed)
            if last is None or not last.use.same(use) or last.defaults is not self._defaults or last.tls != tls:
                settings, problems = self._of_backend(use, tls)
                last = _Made(use, self._defaults, tls, Backend(name, settings), problems)
            made[name] = last = self._milder(last)
            warnings |= dict.fromkeys(last.problems)
        self._made = made
        table, hidden = _table(manifests, {name: entry.backend.settings.when for name, entry in made.items()})
        self._routes = self._routes if self._routes == table else table
        config = replace(
            self._empty,
            routes=self._routes,
            backends=tuple(entry.backend for entry in made.values()),
            default_backend=_default_backend(manifests),
            timeouts=for_all.timeouts,
            certificates=manifests.certificates,
        )
        return Desired(config, (*warnings, *hidden))

    def refuse(self, backend: str, complaint: str) -> bool:
        """HAProxy will not have this backend's section: whether it can do with less.

        From the next frame on it goes without its snippet, or, where that was not it, turns everybody away.
        """
        made = self._made.pop(backend, None)
        if made is None:
            return False
        settings = made.backend.settings
        asked, _, _ = self._plain.get(backend, (settings, settings, ""))
        mild = replace(settings, snippet=()) if settings.snippet else BackendSettings(allow=(NOBODY,))
        self._plain[backend] = (asked, mild, complaint)
        return mild != settings

    def _milder(self, made: _Made) -> _Made:
        """A backend that HAProxy refused as it was asked for; asked for otherwise it gets another chance."""
        name = made.backend.name
        asked, mild, complaint = self._plain.get(name, (None, made.backend.settings, ""))
        if made.backend.settings == mild:
            return made
        if made.backend.settings != asked:
            self._plain.pop(name, None)
            return made
        where = made.use.ingresses[0].document
        problem = Problem(where, ("metadata", "annotations"), None, f"what HAProxy takes; it says: {complaint}")
        return replace(made, backend=Backend(name, mild), problems=(*made.problems, problem))

    def _read_defaults(self, manifests: Manifests) -> None:
        maps = tuple(config_map for config_map in manifests.config_maps if config_map.name == CONFIG_MAP)
        if maps != self._config_maps:
            self._config_maps = maps
            self._defaults = [Layer(entry.document, ("data",), entry.data, bare=True) for entry in maps]
            self._for_all = self._settings(self._defaults)

    def _of_backend(self, use: _Use, tls: tuple[str, ...]) -> tuple[BackendSettings, tuple[Problem, ...]]:
        """Settings of a backend; where two Ingresses name it, both are heard, and the first read wins."""
        place = ("metadata", "annotations")
        ingresses = [Layer(ingress.document, place, ingress.annotations) for ingress in use.ingresses]
        service = Layer(use.service.document, place, use.service.annotations)
        settings, problems = self._settings([*self._defaults, *reversed(ingresses), service], tls=tls)
        if settings.auth.secret:
            name, _, inner = settings.auth.secret.rpartition("/")
            # a Secret of another namespace is not for its Ingresses to use
            users = self._users.get((use.service.namespace, inner), ()) if name in {"", use.service.namespace} else ()
            settings = replace(settings, auth=replace(settings.auth, users=users))
            if not users:
                where = use.ingresses[0].document
                allowed = "a Secret of the same namespace with a crypt(3) hash by user; until then nobody comes in"
                problems = (*problems, Problem(where, (*place, "auth-secret"), settings.auth.secret, allowed))
        return settings, (*problems, *_disagreements(use, ingresses))

    def _settings(
        self, layers: Sequence[Layer], *, tls: tuple[str, ...] = ()
    ) -> tuple[BackendSettings, tuple[Problem, ...]]:
        return settings_from(layers, allow_snippets=self._allow_snippets, tls=tls)


def desired_config(
    manifests: Manifests,
    endpoints: Mapping[str, tuple[Endpoint, ...]],
    *,
    bind_address: str,
    bind_port: int,
    proxies: int = 1,
    current: ProxyConfig | None = None,
) -> Desired:
    """The wished-for proxy. `endpoints` and backends are keyed by `namespace_service_port`; see `Servers.config`."""
    frame = without_servers(manifests, bind_address=bind_address, bind_port=bind_port)
    return replace(frame, config=Servers().config(frame.config, endpoints, proxies=proxies, current=current))


def without_servers(manifests: Manifests, *, bind_address: str, bind_port: int) -> Desired:
    """What the manifests alone say; see `Frames.frame`."""
    return Frames(bind_address=bind_address, bind_port=bind_port).frame(manifests)


def _table(manifests: Manifests, when: Mapping[str, Condition | None]) -> tuple[tuple[Route, ...], tuple[Problem, ...]]:
    """All Ingresses' rules as one table, by precedence, and the paths that an Ingress read earlier has already.

    A path whose Service does not exist leads nowhere, rather than to another's. Several conditions may share a place.
    """
    found: dict[tuple[object, ...], tuple[Route, Ingress]] = {}
    hidden = []
    for ingress in manifests.ingresses:
        for path in ingress.paths:
            used = resolve(manifests, ingress.namespace, path.backend)
            backend = backend_name(*used) if used is not None else NOWHERE
            route = Route(path.host, path.path, path.path_type, backend, when.get(backend))
            first, owner = found.setdefault((*route.place, route.when), (route, ingress))
            if first is not route and first.backend != route.backend:
                where = ("spec", "rules", path.rule, "http", "paths", path.index)
                said = f"a host and path that {owner.namespace}/{owner.name} does not have already"
                hidden.append(Problem(ingress.document, where, f"{path.host or '*'}{path.path}", said))
    return ordered(route for route, _ in found.values()), tuple(hidden)


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
    """The Service and port a reference means; None when there is no such thing, or it is but a name elsewhere."""
    service = manifests.service_of.get((namespace, ref.service))
    if service is not None and service.external_name is None:
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
            name = backend_name(*found)
            before = uses[name].ingresses if name in uses else ()
            if ingress not in before:
                uses[name] = _Use(*found, (*before, ingress))
    return uses


def _default_backend(manifests: Manifests) -> str | None:
    """The first default backend that exists."""
    for ingress in manifests.ingresses:
        found = resolve(manifests, ingress.namespace, ingress.default_backend) if ingress.default_backend else None
        if found is not None:
            return backend_name(*found)
    return None


def _hosts_with_certificate(use: _Use, certificates: Collection[str]) -> tuple[str, ...]:
    """The hosts for which an Ingress of this backend has brought a certificate that is there."""
    found: dict[str, None] = {}
    for ingress in use.ingresses:
        for entry in ingress.tls:
            if entry.secret is not None and certificate_name(ingress.namespace, entry.secret) in certificates:
                found |= dict.fromkeys(entry.hosts or (path.host for path in ingress.paths if path.host is not None))
    return tuple(found)


def certificate_name(namespace: str, secret: str) -> str:
    """What the certificate of a Secret is called."""
    return f"{namespace}_{secret}.pem"


def _disagreements(use: _Use, ingresses: Sequence[Layer]) -> Iterator[Problem]:
    """Annotations that only some of the Ingresses of one backend have: they hold for all of its requests."""
    for layer in ingresses:
        for word, (name, value) in layer.words.items():
            others = [other.words.get(word, ("", ""))[1] for other in ingresses]
            if word in VOCABULARY and any(other != value for other in others):
                names = " and ".join(ingress.name for ingress in use.ingresses)
                yield layer.problem(name, f"the same in Ingresses {names}, whose requests share a backend")

"""From the proxy as it is to the proxy as it should be: commands for a running HAProxy, or a reload with its reasons.

What HAProxy 2.8 can do while it runs: servers come, drain, change and go, maps and certificates change. All else needs a new process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal

from balancer.policy.config import Backend, BackendSettings, Certificate, HealthCheck, ProxyConfig, Route, Server
from balancer.policy.routing import route_maps

MapName = Literal["exact", "prefix"]


@dataclass(frozen=True)
class AddServer:
    """A server comes, with no traffic yet."""

    backend: str
    server: Server
    check: HealthCheck

    def __str__(self) -> str:
        return f"add {self.backend}/{self.server.name} at {self.server.address}:{self.server.port}"


@dataclass(frozen=True)
class ServerCommand:
    """Something done to one server."""

    backend: str
    name: str

    def __str__(self) -> str:
        return f"{self.verb} {self.backend}/{self.name}"

    @property
    def verb(self) -> str:
        """What is done, in a word."""
        return type(self).__name__.removesuffix("Server").lower()


@dataclass(frozen=True)
class EnableServer(ServerCommand):
    """A server just added gets traffic, and health checks if it has any."""


@dataclass(frozen=True)
class ReadyServer(ServerCommand):
    """A draining server gets traffic again."""


@dataclass(frozen=True)
class DrainServer(ServerCommand):
    """Requests there finish, no new ones come."""


@dataclass(frozen=True)
class DeleteServer(ServerCommand):
    """A drained server goes, once it is idle."""


@dataclass(frozen=True)
class SetWeight(ServerCommand):
    """Its share of the traffic."""

    weight: int

    def __str__(self) -> str:
        return f"weight {self.weight} for {self.backend}/{self.name}"


@dataclass(frozen=True)
class SetMaxconn(ServerCommand):
    """How many requests it gets at once; 0 is unlimited."""

    maxconn: int

    def __str__(self) -> str:
        return f"maxconn {self.maxconn} for {self.backend}/{self.name}"


@dataclass(frozen=True)
class SetAddress(ServerCommand):
    """A pod of the same name elsewhere; requests in flight finish at the old place."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"move {self.backend}/{self.name} to {self.address}:{self.port}"


@dataclass(frozen=True)
class MapCommand:
    """Something done to one entry of a route map (`balancer.policy.routing.RouteMaps`)."""

    map: MapName
    key: str


@dataclass(frozen=True)
class AddMapEntry(MapCommand):
    """A route comes."""

    backend: str

    def __str__(self) -> str:
        return f"route {self.map} {self.key} to {self.backend}"


@dataclass(frozen=True)
class SetMapEntry(MapCommand):
    """A route leads elsewhere."""

    backend: str

    def __str__(self) -> str:
        return f"reroute {self.map} {self.key} to {self.backend}"


@dataclass(frozen=True)
class DeleteMapEntry(MapCommand):
    """A route goes."""

    def __str__(self) -> str:
        return f"unroute {self.map} {self.key}"


@dataclass(frozen=True)
class CertificateCommand:
    """Something done to one certificate; never shows its key."""

    certificate: Certificate

    def __str__(self) -> str:
        return f"{type(self).__name__.removesuffix('Certificate').lower()} certificate {self.certificate.name}"


@dataclass(frozen=True)
class AddCertificate(CertificateCommand):
    """A certificate comes, for its hosts."""


@dataclass(frozen=True)
class RenewCertificate(CertificateCommand):
    """Other contents under the same name, for the same hosts."""


@dataclass(frozen=True)
class DeleteCertificate(CertificateCommand):
    """A certificate goes."""


RuntimeCommand = (
    AddServer
    | EnableServer
    | ReadyServer
    | DrainServer
    | DeleteServer
    | SetWeight
    | SetMaxconn
    | SetAddress
    | AddMapEntry
    | SetMapEntry
    | DeleteMapEntry
    | AddCertificate
    | RenewCertificate
    | DeleteCertificate
)


@dataclass(frozen=True)
class Reload:
    """A new process is needed, and why."""

    reasons: tuple[str, ...]


def plan(current: ProxyConfig, desired: ProxyConfig) -> tuple[RuntimeCommand, ...] | Reload:
    """The commands, in an order that never leaves fewer servers or routes than both states have; or a reload."""
    reasons = tuple(_reload_reasons(current, desired))
    if reasons:
        return Reload(reasons)
    known = {backend.name: backend for backend in current.backends}
    pairs = [(known[backend.name], backend) for backend in desired.backends if known[backend.name] is not backend]
    return (
        *_certificate_commands(current.certificates, desired.certificates),
        *(command for pair in pairs for command in _arrivals(*pair)),
        *(command for pair in pairs for command in _changes(*pair)),
        *_map_commands(current, desired),
        *(command for pair in pairs for command in _departures(*pair)),
    )


def carried_over(current: ProxyConfig, desired: ProxyConfig, waiting: tuple[DeleteServer, ...]) -> ProxyConfig:
    """The state after a plan whose `waiting` deletions could not be done yet: those servers still drain."""
    if not waiting:
        return desired
    backends = []
    for backend in desired.backends:
        names = {command.name for command in waiting if command.backend == backend.name}
        if not names:
            backends.append(backend)
            continue
        still = tuple(replace(s, state="drain") for s in current.backend(backend.name).servers if s.name in names)
        backends.append(replace(backend, servers=backend.servers + still))
    return replace(desired, backends=tuple(backends))


def _reload_reasons(current: ProxyConfig, desired: ProxyConfig) -> Iterator[str]:
    if (current.bind_address, current.bind_port) != (desired.bind_address, desired.bind_port):
        yield f"it listens on {desired.bind_address}:{desired.bind_port} now"
    if current.timeouts != desired.timeouts:
        yield "the timeouts of the whole proxy changed"
    if current.default_backend != desired.default_backend:
        yield f"the default backend is {desired.default_backend} now"
    if current.routes is not desired.routes and _conditional(current) != _conditional(desired):
        yield "the routes with conditions changed"
    if current.https_port != desired.https_port:
        yield f"TLS listens on {desired.https_port} now"
    if _first(current) != _first(desired):
        yield f"the certificate for unknown hosts is {_first(desired)} now"
    before = {backend.name: backend for backend in current.backends}
    after = {backend.name: backend for backend in desired.backends}
    for name in [*before, *(name for name in after if name not in before)]:
        if name not in after:
            yield f"backend {name} is gone"
        elif name not in before:
            yield f"backend {name} is new"
        elif before[name] is not after[name]:
            yield from _backend_reasons(before[name], after[name])


def _backend_reasons(before: Backend, after: Backend) -> Iterator[str]:
    for setting in fields(BackendSettings) if before.settings is not after.settings else ():
        # the servers carry its effect, and theirs can change at run time
        if setting.name != "pod_maxconn" and getattr(before.settings, setting.name) != getattr(
            after.settings, setting.name
        ):
            yield f"backend {after.name}: {setting.name} changed"
    balance = after.settings.balance
    known = {server.name: server for server in before.servers}
    for server in after.servers:
        old = known.get(server.name)
        if old is None and not balance.takes_servers_at_runtime:
            yield f"backend {after.name}: {balance.algorithm} takes no servers at run time"
        if old is not None and old.id != server.id:
            yield f"backend {after.name}: the id of {server.name} changed"
        if old is not None and (old.minconn, old.maxqueue) != (server.minconn, server.maxqueue):
            yield f"backend {after.name}: the limits of {server.name} changed"
        if old is not None and old.weight != server.weight and balance.algorithm == "static-rr":
            yield f"backend {after.name}: {balance.algorithm} takes no weights at run time"


def _arrivals(before: Backend, after: Backend) -> Iterator[RuntimeCommand]:
    known = {server.name: server for server in before.servers}
    for server in after.servers:
        old = known.get(server.name)
        if old is None:
            yield AddServer(after.name, server, after.settings.check)
            if server.state == "ready":
                yield EnableServer(after.name, server.name)


def _changes(before: Backend, after: Backend) -> Iterator[RuntimeCommand]:
    known = {server.name: server for server in before.servers}
    for server in after.servers:
        old = known.get(server.name, server)
        if (old.address, old.port) != (server.address, server.port):
            yield SetAddress(after.name, server.name, server.address, server.port)
        if old.weight != server.weight:
            yield SetWeight(after.name, server.name, server.weight)
        if old.maxconn != server.maxconn:
            yield SetMaxconn(after.name, server.name, server.maxconn)
        if (old.state, server.state) == ("drain", "ready"):
            yield ReadyServer(after.name, server.name)


def _departures(before: Backend, after: Backend) -> Iterator[RuntimeCommand]:
    wanted = {server.name: server for server in after.servers}
    for server in before.servers:
        new = wanted.get(server.name)
        if server.state == "ready" and (new is None or new.state == "drain"):
            yield DrainServer(after.name, server.name)
        if new is None:
            yield DeleteServer(after.name, server.name)


def _plain(config: ProxyConfig) -> Iterator[Route]:
    """Routes without a condition, which alone stand in maps."""
    return (route for route in config.routes if route.when is None)


def _conditional(config: ProxyConfig) -> list[Route]:
    return [route for route in config.routes if route.when is not None]


def _first(config: ProxyConfig) -> str | None:
    return config.certificates[0].name if config.certificates else None


def _certificate_commands(old: tuple[Certificate, ...], new: tuple[Certificate, ...]) -> Iterator[RuntimeCommand]:
    if old is new:
        return
    before = {certificate.name: certificate for certificate in old}
    after = {certificate.name: certificate for certificate in new}
    for name, certificate in after.items():
        known = before.get(name)
        if known is None:
            yield AddCertificate(certificate)
        elif known.hosts != certificate.hosts:
            yield DeleteCertificate(known)
            yield AddCertificate(certificate)
        elif known.pem != certificate.pem:
            yield RenewCertificate(certificate)
    yield from (DeleteCertificate(known) for name, known in before.items() if name not in after)


def _map_commands(current: ProxyConfig, desired: ProxyConfig) -> Iterator[RuntimeCommand]:
    if current.routes is desired.routes:
        return
    before, after = route_maps(_plain(current)), route_maps(_plain(desired))
    names: Mapping[MapName, tuple[Mapping[str, str], Mapping[str, str]]] = {
        "exact": (before.exact, after.exact),
        "prefix": (before.prefix, after.prefix),
    }
    for name, (old, new) in names.items():
        for key, backend in new.items():
            if key not in old:
                yield AddMapEntry(name, key, backend)
            elif old[key] != backend:
                yield SetMapEntry(name, key, backend)
    for name, (old, new) in names.items():
        yield from (DeleteMapEntry(name, key) for key in old if key not in new)

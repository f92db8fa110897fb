"""`ProxyConfig` → HAProxy's configuration and map files.

Header values, paths and names are quoted or refused (`balancer.haproxy.text`), so that none can add a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from balancer.haproxy.backend import backend_lines
from balancer.haproxy.certificates import CERTIFICATE_LIST
from balancer.haproxy.log import DENIED, FORMAT, MAX_LENGTH, NO_ROUTE
from balancer.haproxy.text import address, map_word, matching, milliseconds, name, port, quoted
from balancer.policy.config import NOWHERE, Backend, ProxyConfig, Route
from balancer.policy.routing import route_maps

FRONTEND = "http"
CONFIG_FILE, EXACT_MAP, PREFIX_MAP = "haproxy.cfg", "exact.map", "prefix.map"
_ROUTED = "{ var(txn.backend) -m found }"


@dataclass(frozen=True)
class Process:
    """What belongs to one HAProxy process rather than to the manifests.

    runtime_socket   name of its stats socket, relative to where it runs
    maxconn          client connections at once
    metrics_port     where the Prometheus exporter listens (on the bind address); None for nowhere
    hard_stop_s      how long a process replaced by a reload may finish requests
    """

    runtime_socket: str
    maxconn: int
    metrics_port: int | None = None
    hard_stop_s: float = 300.0


class Renderer:
    """Writes one configuration after another; a backend or a table that is the very same object is not looked at again."""

    def __init__(self) -> None:
        self._sections: dict[str, tuple[Backend, str]] = {}
        self._https = False
        self._routes: tuple[Route, ...] | None = None
        self._maps: Mapping[str, str] = {}

    def render(self, config: ProxyConfig, process: Process) -> Mapping[str, str]:
        """File name → content; BalancerError for what HAProxy could not represent."""
        lines = [*_global(config, process), *_defaults(config), *_frontend(config, process)]
        text = "\n".join(lines) + "\n" + "".join(self._written(config))
        return {CONFIG_FILE: text, **self._map_files(config.routes)}

    def _written(self, config: ProxyConfig) -> Iterator[str]:
        https = config.https_port is not None
        known = self._sections if https == self._https else {}
        self._sections, self._https = {}, https
        for backend in config.backends:
            last = known.get(backend.name)
            if last is None or last[0] is not backend:
                last = backend, "\n".join(backend_lines(backend, https=https)) + "\n"
            self._sections[backend.name] = last
            yield last[1]

    def _map_files(self, routes: tuple[Route, ...]) -> Mapping[str, str]:
        if routes is not self._routes:
            maps = route_maps(route for route in routes if route.when is None)
            files = {EXACT_MAP: maps.exact, PREFIX_MAP: maps.prefix}
            self._maps = {
                file: "".join(f"{map_word(key)} {name(backend)}\n" for key, backend in entries.items())
                for file, entries in files.items()
            }
            self._routes = routes
        return self._maps


def render(config: ProxyConfig, process: Process) -> Mapping[str, str]:
    """One configuration; see `Renderer.render`."""
    return Renderer().render(config, process)


def _global(config: ProxyConfig, process: Process) -> Iterator[str]:
    yield "global"
    yield f"    log stdout len {MAX_LENGTH} format raw local0"
    yield f"    stats socket unix@{name(process.runtime_socket)} mode 600 level admin"
    # With two threads a hashed pick now and then lets one request more than maxconn onto a server: docs/adr/0005.
    yield "    nbthread 1"
    yield f"    maxconn {process.maxconn}"
    yield f"    hard-stop-after {milliseconds(process.hard_stop_s)}"
    yield "    mworker-max-reloads 20"
    if config.https_port is not None:
        yield "    ssl-default-bind-options ssl-min-ver TLSv1.2"


def _defaults(config: ProxyConfig) -> Iterator[str]:
    timeouts = config.timeouts
    yield "defaults"
    yield "    mode http"
    yield "    log global"
    yield "    option abortonclose"
    yield "    option redispatch 1"
    # A replaced process tells its clients to go with their next answer: closing an idle connection could cross a request.
    yield "    option idle-close-on-response"
    yield "    http-reuse safe"
    yield f"    timeout client {milliseconds(timeouts.client_s)}"
    yield f"    timeout http-request {milliseconds(timeouts.http_request_s)}"
    yield f"    timeout http-keep-alive {milliseconds(timeouts.http_keep_alive_s)}"
    yield f"    timeout connect {milliseconds(timeouts.connect_s)}"
    yield f"    timeout server {milliseconds(timeouts.server_s)}"


def _frontend(config: ProxyConfig, process: Process) -> Iterator[str]:
    yield f"frontend {FRONTEND}"
    yield f"    bind {address(config.bind_address)}:{port(config.bind_port)}"
    if config.https_port is not None:
        # Without a certificate HAProxy starts only when it need not have one for everybody.
        strict = "" if config.certificates else " strict-sni"
        listed = f"ssl crt-list {CERTIFICATE_LIST} alpn h2,http/1.1{strict}"
        yield f"    bind {address(config.bind_address)}:{port(config.https_port)} {listed}"
    yield f"    log-format {quoted(FORMAT)}"
    # an id that others can rely on: one word, and ours when the client gives none
    yield "    acl has_id req.fhdr(x-request-id) -m reg '^[A-Za-z0-9._:=+/-]{1,128}$'"
    yield "    http-request set-header X-Request-Id %[uuid()] unless has_id"
    yield "    http-request set-var(txn.id) req.fhdr(x-request-id)"
    yield "    http-request set-header X-Forwarded-Proto https if { ssl_fc }"
    # somebody who ended TLS before us has said so already
    yield "    http-request set-header X-Forwarded-Proto http unless { req.hdr(x-forwarded-proto) -m found }"
    yield "    http-request set-var(txn.host) str(-)"
    yield "    http-request set-var(txn.host) req.hdr(host),host_only if { req.hdr(host) -m found }"
    # a slash in the host could pose as the beginning of a path in the maps
    yield f"    http-request set-var(txn.refused) str({DENIED}) if {{ var(txn.host) -m sub / }}"
    yield "    http-request deny deny_status 400 if { var(txn.refused) -m found }"
    yield "    http-request set-var(txn.wildcard) var(txn.host),regsub(^[^.]+,*)"
    yield "    http-request set-var(txn.path) path"
    yield "    http-request set-var(txn.directory) path,concat(/)"
    yield "    http-request set-var(txn.any) str(*)"
    yield from _conditional(config.routes)
    for host in ("host", "wildcard", "any"):
        lookup = f"    http-request set-var(txn.backend) var(txn.{host}),concat"
        yield f"{lookup}(,txn.path),map_str({EXACT_MAP}) unless {_ROUTED}"
        yield f"{lookup}(,txn.directory),map_beg({PREFIX_MAP}) unless {_ROUTED}"
    if config.default_backend is None:
        yield f"    http-request set-var(txn.refused) str({NO_ROUTE}) unless {_ROUTED}"
        yield "    http-request return status 404 content-type text/plain string 'no route' if { var(txn.refused) -m found }"
    nowhere = f"if {{ var(txn.backend) -m str -- {NOWHERE} }}"
    yield f"    http-request set-var(txn.refused) str({NO_ROUTE}) {nowhere}"
    yield f"    http-request return status 503 content-type text/plain string 'no such service' {nowhere}"
    yield f"    use_backend %[var(txn.backend)] if {_ROUTED}"
    if config.default_backend is not None:
        yield f"    default_backend {name(config.default_backend)}"
    if process.metrics_port is not None:
        yield "frontend metrics"
        yield f"    bind {address(config.bind_address)}:{port(process.metrics_port)}"
        yield "    no log"
        yield "    http-request use-service prometheus-exporter if { path /metrics }"
        yield "    http-request return status 404"


def _conditional(routes: tuple[Route, ...]) -> Iterator[str]:
    """Routes that not every request to their place takes; a request that passes them by goes on to the maps."""
    for number, route in enumerate(route for route in routes if route.when is not None):
        assert route.when is not None, "filtered above"
        yield f"    acl route_{number} {matching(route.when)}"
        host = ""
        if route.host is not None:
            variable = "wildcard" if route.host.startswith("*.") else "host"
            yield f"    acl host_{number} var(txn.{variable}) -m str -- {quoted(map_word(route.host))}"
            host = f" host_{number}"
        # a path is compared as the maps do it: to the letter, or with one more slash on both sides
        which, how = ("path", "str") if route.path_type == "Exact" else ("directory", "beg")
        path = route.path if route.path_type == "Exact" else route.path.rstrip("/") + "/"
        yield f"    acl path_{number} var(txn.{which}) -m {how} -- {quoted(map_word(path))}"
        all_true = f"path_{number}{host} route_{number} !{_ROUTED}"
        yield f"    http-request set-var(txn.backend) str({name(route.backend)}) if {all_true}"

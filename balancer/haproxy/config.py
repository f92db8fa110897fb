"""`ProxyConfig` → HAProxy's configuration and map files.

Header values, paths and names are quoted or refused (`balancer.haproxy.text`), so that none can add a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from balancer.haproxy.log import DENIED, FORMAT, MAX_LENGTH, NO_ROUTE, RATE_LIMITED
from balancer.haproxy.text import address, literal_format, map_word, milliseconds, name, port, quoted, server_options
from balancer.policy.config import Backend, BackendSettings, Balance, ProxyConfig
from balancer.policy.routing import RouteMaps, route_maps

FRONTEND = "http"
CONFIG_FILE, EXACT_MAP, PREFIX_MAP = "haproxy.cfg", "exact.map", "prefix.map"
# HAProxy takes at most 64 words a line. Source: HAProxy 2.8, defaults.h, MAX_LINE_ARGS.
_NETWORKS_A_LINE = 32
_HASHED = {"source", "uri", "hdr", "url_param"}


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


def render(config: ProxyConfig, process: Process) -> Mapping[str, str]:
    """File name → content; BalancerError for what HAProxy could not represent."""
    maps = route_maps(config.routes)
    lines = [*_global(process), *_defaults(config), *_frontend(config, process)]
    for backend in config.backends:
        lines += _backend(backend)
    return {CONFIG_FILE: "\n".join(lines) + "\n", **_map_files(maps)}


def _map_files(maps: RouteMaps) -> dict[str, str]:
    files = {EXACT_MAP: maps.exact, PREFIX_MAP: maps.prefix}
    return {
        file: "".join(f"{map_word(key)} {name(backend)}\n" for key, backend in entries.items())
        for file, entries in files.items()
    }


def _global(process: Process) -> Iterator[str]:
    yield "global"
    yield f"    log stdout len {MAX_LENGTH} format raw local0"
    yield f"    stats socket unix@{name(process.runtime_socket)} mode 600 level admin"
    # With two threads a hashed pick now and then lets one request more than maxconn onto a server: docs/adr/0005.
    yield "    nbthread 1"
    yield f"    maxconn {process.maxconn}"
    yield f"    hard-stop-after {milliseconds(process.hard_stop_s)}"
    yield "    mworker-max-reloads 20"


def _defaults(config: ProxyConfig) -> Iterator[str]:
    timeouts = config.timeouts
    yield "defaults"
    yield "    mode http"
    yield "    log global"
    yield "    option abortonclose"
    yield "    option redispatch 1"
    yield "    option forwardfor"
    yield "    http-reuse safe"
    yield f"    timeout client {milliseconds(timeouts.client_s)}"
    yield f"    timeout http-request {milliseconds(timeouts.http_request_s)}"
    yield f"    timeout http-keep-alive {milliseconds(timeouts.http_keep_alive_s)}"
    yield f"    timeout connect {milliseconds(timeouts.connect_s)}"
    yield f"    timeout server {milliseconds(timeouts.server_s)}"


def _frontend(config: ProxyConfig, process: Process) -> Iterator[str]:
    yield f"frontend {FRONTEND}"
    yield f"    bind {address(config.bind_address)}:{port(config.bind_port)}"
    yield f"    log-format {quoted(FORMAT)}"
    # an id that others can rely on: one word, and ours when the client gives none
    yield "    acl has_id req.fhdr(x-request-id) -m reg '^[A-Za-z0-9._:=+/-]{1,128}$'"
    yield "    http-request set-header X-Request-Id %[uuid()] unless has_id"
    yield "    http-request set-var(txn.id) req.fhdr(x-request-id)"
    yield "    http-request set-var(txn.host) str(-)"
    yield "    http-request set-var(txn.host) req.hdr(host),host_only if { req.hdr(host) -m found }"
    # a slash in the host could pose as the beginning of a path in the maps
    yield f"    http-request set-var(txn.refused) str({DENIED}) if {{ var(txn.host) -m sub / }}"
    yield "    http-request deny deny_status 400 if { var(txn.refused) -m found }"
    yield "    http-request set-var(txn.wildcard) var(txn.host),regsub(^[^.]+,*)"
    yield "    http-request set-var(txn.path) path"
    yield "    http-request set-var(txn.directory) path,concat(/)"
    yield "    http-request set-var(txn.any) str(*)"
    for host in ("host", "wildcard", "any"):
        condition = "" if host == "host" else " unless { var(txn.backend) -m found }"
        lookup = f"    http-request set-var(txn.backend) var(txn.{host}),concat"
        yield f"{lookup}(,txn.path),map_str({EXACT_MAP}){condition}"
        yield f"{lookup}(,txn.directory),map_beg({PREFIX_MAP}) unless {{ var(txn.backend) -m found }}"
    if config.default_backend is None:
        yield f"    http-request set-var(txn.refused) str({NO_ROUTE}) unless {{ var(txn.backend) -m found }}"
        yield "    http-request return status 404 content-type text/plain string 'no route' if { var(txn.refused) -m found }"
    yield "    use_backend %[var(txn.backend)] if { var(txn.backend) -m found }"
    if config.default_backend is not None:
        yield f"    default_backend {name(config.default_backend)}"
    if process.metrics_port is not None:
        yield "frontend metrics"
        yield f"    bind {address(config.bind_address)}:{port(process.metrics_port)}"
        yield "    no log"
        yield "    http-request use-service prometheus-exporter if { path /metrics }"
        yield "    http-request return status 404"


def _backend(backend: Backend) -> Iterator[str]:
    settings = backend.settings
    yield f"backend {name(backend.name)}"
    yield from _balance(settings.balance)
    yield f"    retries {settings.retries}"
    if settings.fullconn:
        yield f"    fullconn {settings.fullconn}"
    yield f"    timeout queue {milliseconds(settings.timeouts.queue_s)}"
    yield f"    timeout connect {milliseconds(settings.timeouts.connect_s)}"
    yield f"    timeout server {milliseconds(settings.timeouts.server_s)}"
    yield f"    timeout tunnel {milliseconds(settings.timeouts.tunnel_s)}"
    if settings.check.enabled and settings.check.http_path is not None:
        yield "    option httpchk"
        yield f"    http-check send meth GET uri {quoted(settings.check.http_path)}"
    yield from _refusals(settings)
    for header in settings.request_headers:
        yield f"    http-request set-header {quoted(header.name)} {literal_format(header.value)}"
    for header in settings.response_headers:
        yield f"    http-response set-header {quoted(header.name)} {literal_format(header.value)}"
    for server in backend.servers:
        state = "" if server.state == "ready" else " disabled"
        where = f"{address(server.address)}:{port(server.port)}"
        yield f"    server {name(server.name)} {where} {server_options(server, settings.check)}{state}"


def _balance(balance: Balance) -> Iterator[str]:
    if balance.algorithm == "random":
        yield f"    balance random({balance.draws})"
    elif balance.algorithm == "hdr":
        yield f"    balance {quoted(f'hdr({balance.argument})')}"
    elif balance.algorithm == "url_param":
        yield f"    balance url_param {quoted(str(balance.argument))}"
    else:
        yield f"    balance {balance.algorithm}"
    if balance.algorithm in _HASHED:
        yield f"    hash-type {'consistent' if balance.consistent else 'map-based'}"
        if balance.consistent and balance.hash_balance_factor:
            yield f"    hash-balance-factor {balance.hash_balance_factor}"


def _refusals(settings: BackendSettings) -> Iterator[str]:
    """Allow and deny lists, then the rate limit, which counts only whom the lists let through."""
    refused = "if { var(txn.refused) -m found }"
    if settings.deny:
        yield from _networks("denied", settings.deny)
        yield f"    http-request set-var(txn.refused) str({DENIED}) if denied"
    if settings.allow:
        yield from _networks("allowed", settings.allow)
        yield f"    http-request set-var(txn.refused) str({DENIED}) unless allowed"
    if settings.deny or settings.allow:
        yield f"    http-request deny deny_status 403 {refused}"
    limit = settings.rate_limit
    if limit is not None:
        period = milliseconds(limit.period_s)
        expire = milliseconds(2 * limit.period_s)
        yield f"    stick-table type ipv6 size {limit.table_size} expire {expire} store http_req_rate({period})"
        yield "    http-request track-sc0 src"
        yield (
            f"    http-request set-var(txn.refused) str({RATE_LIMITED})"
            f" if {{ sc_http_req_rate(0) gt {limit.requests} }}"
        )
        yield f"    http-request deny deny_status {limit.status_code} {refused}"


def _networks(acl: str, networks: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(networks), _NETWORKS_A_LINE):
        yield f"    acl {acl} src {' '.join(map(quoted, networks[start : start + _NETWORKS_A_LINE]))}"

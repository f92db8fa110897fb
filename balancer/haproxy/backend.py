"""One backend as a section of HAProxy's configuration: whom it refuses, what it changes, and who serves it.

Rules stand in the order in which a request meets them: who is asking, CORS, refusals, https, password, redirect, changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from balancer.haproxy.log import DENIED, RATE_LIMITED
from balancer.haproxy.text import (
    address,
    header_format,
    literal_format,
    map_word,
    milliseconds,
    name,
    port,
    quoted,
    server_options,
    snippet_line,
)
from balancer.policy.config import Backend, BackendSettings, Balance, BasicAuth, Cors, HttpsRedirect, Redirect

# HAProxy takes at most 64 words a line. Source: HAProxy 2.8, defaults.h, MAX_LINE_ARGS.
_VALUES_A_LINE = 32
_HASHED = {"source", "uri", "hdr", "url_param"}
_REFUSED = "{ var(txn.refused) -m found }"


def backend_lines(backend: Backend, *, https: bool) -> Iterator[str]:
    """The section, with its list of users before it; `https` says whether the proxy listens for TLS at all."""
    settings = backend.settings
    yield from _users(backend)
    yield f"backend {name(backend.name)}"
    yield from _balance(settings.balance)
    yield from _basics(settings)
    yield from _stickiness(settings)
    if settings.source_header:
        yield f"    http-request set-src {quoted(f'req.hdr({settings.source_header})')}"
    yield from _cors(settings.cors)
    yield from _refusals(settings)
    if settings.cors.enabled and settings.cors.answers_preflight:
        asks = "METH_OPTIONS { req.hdr(access-control-request-method) -m found }"
        yield f"    http-request return status 204 if origin_allowed {asks}"
    if https and settings.https_redirect.enabled:
        yield from _https_redirect(settings.https_redirect)
    if settings.auth.enabled:
        realm = quoted(settings.auth.realm)
        yield f"    http-request auth realm {realm} unless {{ http_auth({name(backend.name)}) }}"
    if settings.redirect.host:
        yield _redirect(settings.redirect)
    yield from _changes(settings)
    for line in settings.snippet:
        yield f"    {snippet_line(line)}"
    for server in backend.servers:
        state = "" if server.state == "ready" else " disabled"
        where = f"{address(server.address)}:{port(server.port)}"
        yield f"    server {name(server.name)} {where} {server_options(server, settings.check)}{state}"


def _users(backend: Backend) -> Iterator[str]:
    auth: BasicAuth = backend.settings.auth
    if auth.enabled:
        yield f"userlist {name(backend.name)}"
        for user in auth.users:
            yield f"    user {quoted(user.name)} password {quoted(user.password)}"


def _basics(settings: BackendSettings) -> Iterator[str]:
    yield f"    retries {settings.retries}"
    if settings.forwarded_for:
        yield "    option forwardfor"
    if settings.fullconn:
        yield f"    fullconn {settings.fullconn}"
    yield f"    timeout queue {milliseconds(settings.timeouts.queue_s)}"
    yield f"    timeout connect {milliseconds(settings.timeouts.connect_s)}"
    yield f"    timeout server {milliseconds(settings.timeouts.server_s)}"
    yield f"    timeout tunnel {milliseconds(settings.timeouts.tunnel_s)}"
    check = settings.check
    if check.enabled and check.timeout_s:
        yield f"    timeout check {milliseconds(check.timeout_s)}"
    if check.enabled and check.http_path is not None:
        yield "    option httpchk"
        yield f"    http-check send meth {name(check.http_method)} uri {quoted(check.http_path)}"


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


def _stickiness(settings: BackendSettings) -> Iterator[str]:
    """A cookie's value is made of the pod's address and port, so every proxy understands what another one set."""
    if settings.cookie:
        yield f"    cookie {quoted(settings.cookie)} insert indirect nocache dynamic"
        yield f"    dynamic-cookie-key {quoted(settings.cookie)}"


def _cors(cors: Cors) -> Iterator[str]:
    """Headers on every answer, also on our own refusals, so that a browser shows the page what went wrong."""
    if not cors.enabled:
        return
    yield "    http-request set-var(txn.origin) req.fhdr(origin)"
    if cors.origins.pattern:
        yield f"    acl origin_allowed var(txn.origin) -m reg -- {quoted(cors.origins.pattern)}"
    elif cors.origins.exactly:
        for origin in cors.origins.exactly:
            yield f"    acl origin_allowed var(txn.origin) -m str -i -- {quoted(origin)}"
    else:
        yield "    acl origin_allowed var(txn.origin) -m found"
    origin = "*" if cors.origins.anyone else "%[var(txn.origin)]"
    headers = {
        "Access-Control-Allow-Origin": quoted(origin),
        "Access-Control-Allow-Methods": literal_format(cors.methods),
        "Access-Control-Allow-Headers": literal_format(cors.headers),
        "Access-Control-Max-Age": str(int(cors.max_age_s)),
    }
    if cors.exposed:
        headers["Access-Control-Expose-Headers"] = literal_format(cors.exposed)
    if cors.credentials:
        headers["Access-Control-Allow-Credentials"] = "true"
    for header, value in headers.items():
        yield f"    http-after-response set-header {header} {value} if origin_allowed"
    if not cors.origins.anyone:
        yield "    http-after-response add-header Vary Origin"


def _refusals(settings: BackendSettings) -> Iterator[str]:
    """Allow and deny lists, then the rate limit, which counts only whom the lists let through."""
    if settings.deny:
        yield from _networks("denied", settings.deny)
        yield f"    http-request set-var(txn.refused) str({DENIED}) if denied"
    if settings.allow:
        yield from _networks("allowed", settings.allow)
        yield f"    http-request set-var(txn.refused) str({DENIED}) unless allowed"
    if settings.deny or settings.allow:
        yield f"    http-request deny deny_status 403 if {_REFUSED}"
    limit = settings.rate_limit
    if limit is not None:
        period = milliseconds(limit.period_s)
        expire = milliseconds(2 * limit.period_s)
        yield f"    stick-table type ipv6 size {limit.table_size} expire {expire} store http_req_rate({period})"
        yield from _networks("exempt", limit.exempt)
        yield "    http-request track-sc0 src" + (" unless exempt" if limit.exempt else "")
        yield (
            f"    http-request set-var(txn.refused) str({RATE_LIMITED})"
            f" if {{ sc_http_req_rate(0) gt {limit.requests} }}"
        )
        yield f"    http-request deny deny_status {limit.status_code} if {_REFUSED}"


def _networks(acl: str, networks: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(networks), _VALUES_A_LINE):
        yield f"    acl {acl} src {' '.join(map(quoted, networks[start : start + _VALUES_A_LINE]))}"


def _https_redirect(redirect: HttpsRedirect) -> Iterator[str]:
    where = "" if redirect.port == 443 else f":{port(redirect.port)}"
    location = quoted(f"https://%[req.hdr(host),host_only]{where}%[pathq]")
    for variable, hosts in (
        ("host", [host for host in redirect.hosts if not host.startswith("*")]),
        ("wildcard", [host for host in redirect.hosts if host.startswith("*")]),
    ):
        for start in range(0, len(hosts), _VALUES_A_LINE):
            words = " ".join(quoted(map_word(host)) for host in hosts[start : start + _VALUES_A_LINE])
            yield f"    acl has_certificate var(txn.{variable}) -m str -i -- {words}"
    whom = "if has_certificate !{ ssl_fc }" if redirect.hosts else "unless { ssl_fc }"
    yield f"    http-request redirect location {location} code {redirect.code} {whom}"


def _redirect(redirect: Redirect) -> str:
    scheme = redirect.scheme or "%[ssl_fc,iif(https,http)]"
    location = quoted(f"{scheme}://" + redirect.host.replace("%", "%%") + "%[pathq]")
    return f"    http-request redirect location {location} code {redirect.code}"


def _changes(settings: BackendSettings) -> Iterator[str]:
    for header in settings.request_headers:
        yield f"    http-request set-header {quoted(header.name)} {header_format(header)}"
    if settings.host:
        yield f"    http-request set-header Host {literal_format(settings.host)}"
    for rewrite in settings.rewrites:
        yield f"    http-request replace-path {quoted(rewrite.pattern)} {literal_format(rewrite.replacement)}"
    for header in settings.response_headers:
        yield f"    http-response set-header {quoted(header.name)} {header_format(header)}"

"""The proxy's wished-for state as plain values: what is rendered, driven at run time, and modelled alike.

Every time is in seconds, every size in bytes. Nothing here knows HAProxy's text (`balancer.haproxy`)
or where the values came from (`balancer.policy.desired`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Algorithm = Literal["roundrobin", "static-rr", "leastconn", "random", "first", "source", "uri", "hdr", "url_param"]
PathType = Literal["Exact", "Prefix", "ImplementationSpecific"]
ServerState = Literal["ready", "drain"]
# Where a route leads whose Service is not there: a 503, rather than to whoever has the next shorter path.
NOWHERE = "-"


@dataclass(frozen=True)
class Balance:
    """How a backend picks a server.

    `argument` is the header or parameter name of hdr and url_param; `draws` the N of random(N).
    """

    algorithm: Algorithm = "roundrobin"
    argument: str | None = None
    draws: int = 2
    consistent: bool = False
    hash_balance_factor: int = 0

    @property
    def takes_servers_at_runtime(self) -> bool:
        """Whether HAProxy 2.8 accepts `add server` in such a backend. Source: management.txt, "add server"."""
        if self.algorithm in {"source", "uri", "hdr", "url_param"}:
            return self.consistent
        return self.algorithm != "static-rr"


@dataclass(frozen=True)
class Timeouts:
    """HAProxy's timeouts, seconds. `queue_s` is how long a request may wait for a slot before a 503."""

    connect_s: float = 5.0
    client_s: float = 50.0
    server_s: float = 50.0
    queue_s: float = 5.0
    http_request_s: float = 5.0
    http_keep_alive_s: float = 60.0
    tunnel_s: float = 3600.0


@dataclass(frozen=True)
class RateLimit:
    """At most `requests` a period and client address, unless it is `exempt`; more are refused with `status_code`."""

    requests: int
    period_s: float = 1.0
    table_size: int = 100_000
    status_code: int = 403
    exempt: tuple[str, ...] = ()


@dataclass(frozen=True)
class HealthCheck:
    """HAProxy's own probe of a server; `http_path` None means a TCP connect, `timeout_s` 0 the interval."""

    enabled: bool = True
    interval_s: float = 2.0
    fall: int = 3
    rise: int = 2
    http_path: str | None = None
    http_method: str = "GET"
    timeout_s: float = 0.0


@dataclass(frozen=True)
class Header:
    """A header to set; the value is literal text unless it is `evaluated`: then one of HAProxy's sample expressions."""

    name: str
    value: str
    evaluated: bool = False


@dataclass(frozen=True)
class Rewrite:
    r"""What of a path and its query matches `pattern` becomes `replacement`, in which \1 to \9 are its groups."""

    pattern: str
    replacement: str


@dataclass(frozen=True)
class Redirect:
    """The client is sent to another host (`host[:port]`, and a path before the request's own); "" is no redirect.

    `scheme` None keeps that of the request.
    """

    host: str = ""
    scheme: Literal["http", "https"] | None = None
    code: int = 302


@dataclass(frozen=True)
class HttpsRedirect:
    """A plain request is sent to https; `port` as clients see it, `enabled` None where nobody said.

    `hosts` are those it is for, since they have a certificate; empty means every host.
    """

    enabled: bool | None = None
    code: int = 302
    port: int = 443
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Origins:
    """Whom a browser may be told to let in: all, these to the letter, or those a regular expression finds."""

    exactly: tuple[str, ...] = ()
    pattern: str = ""

    @property
    def anyone(self) -> bool:
        """Whether every origin is let in."""
        return not self.exactly and not self.pattern


@dataclass(frozen=True)
class Cors:
    """What browsers are told of requests from other origins. The lists are header values."""

    enabled: bool = False
    origins: Origins = Origins()
    methods: str = "*"
    headers: str = "*"
    exposed: str = ""
    credentials: bool = False
    max_age_s: float = 5.0
    answers_preflight: bool = False


@dataclass(frozen=True)
class User:
    """A name and what crypt(3) made of the password."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class BasicAuth:
    """Who may come, by name and password; `secret` says where they stand ("namespace/name", or the name alone).

    `users` are filled in by whoever can read Secrets; while there are none nobody comes in.
    """

    enabled: bool = False
    secret: str = ""
    realm: str = "Protected Content"
    users: tuple[User, ...] = ()


@dataclass(frozen=True)
class Link:
    """How a pod is spoken to: over TLS (its certificate is not verified), in HTTP/2, with a PROXY header first."""

    tls: bool = False
    http2: bool = False
    proxy_header: Literal["", "v1", "v2", "v2-ssl", "v2-ssl-cn"] = ""


@dataclass(frozen=True)
class Condition:
    """When a route holds: what is looked at in a request, how it is compared, and with which values."""

    fetch: str
    flags: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Server:
    """One pod in one backend. `maxconn` 0 means unlimited; `id` is HAProxy's explicit server id (>= 1).

    `minconn`, `maxqueue` and `slowstart_s` 0 mean not set.
    """

    name: str
    id: int
    address: str
    port: int
    maxconn: int = 0
    weight: int = 100
    state: ServerState = "ready"
    minconn: int = 0
    maxqueue: int = 0
    slowstart_s: float = 0.0
    link: Link = Link()


@dataclass(frozen=True)
class BackendSettings:
    """Everything annotations can say about a service. `pod_maxconn` is per pod over ALL proxies; 0 is unlimited.

    A pod's limit falls from `pod_maxconn` towards `pod_minconn` while its backend has less than `fullconn` requests;
    at most `pod_maxqueue` wait for one pod; a new pod gets its share over `slowstart_s`. 0 is not set.

    source_header   the request header that the client's address is taken from; "" means the connection's
    host            the Host that pods see; "" means the client's
    cookie          the cookie that keeps a client at its pod; "" means none
    when            the condition of every route that leads here (`route-acl`)
    snippet         lines of HAProxy's own language, from an administrator who allows them
    """

    balance: Balance = Balance()
    pod_maxconn: int = 0
    pod_minconn: int = 0
    fullconn: int = 0
    pod_maxqueue: int = 0
    slowstart_s: float = 0.0
    timeouts: Timeouts = Timeouts()
    retries: int = 3
    rate_limit: RateLimit | None = None
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    request_headers: tuple[Header, ...] = ()
    response_headers: tuple[Header, ...] = ()
    check: HealthCheck = HealthCheck()
    source_header: str = ""
    forwarded_for: bool = True
    cors: Cors = Cors()
    https_redirect: HttpsRedirect = HttpsRedirect()
    redirect: Redirect = Redirect()
    auth: BasicAuth = BasicAuth()
    host: str = ""
    rewrites: tuple[Rewrite, ...] = ()
    cookie: str = ""
    link: Link = Link()
    when: Condition | None = None
    snippet: tuple[str, ...] = ()


@dataclass(frozen=True)
class Backend:
    """A Kubernetes service port as HAProxy sees it. `name` is unique: namespace_service_port."""

    name: str
    settings: BackendSettings
    servers: tuple[Server, ...] = ()


@dataclass(frozen=True)
class Route:
    """One line of the host/path table. `host` None matches every host; "*.example" matches one more label.

    A route with a condition goes before all that have none, and is passed over by requests that do not meet it.
    """

    host: str | None
    path: str
    path_type: PathType
    backend: str
    when: Condition | None = None

    @property
    def place(self) -> tuple[str | None, str, bool]:
        """Host, path and whether it is Exact: what two routes must not share; a Prefix ends in a slash here."""
        exact = self.path_type == "Exact"
        return self.host, self.path if exact else self.path.rstrip("/") + "/", exact


@dataclass(frozen=True)
class Certificate:
    """A TLS certificate with its chain and key, `pem`, shown to clients that ask for one of `hosts`.

    `name` is a file name, unique. The first certificate of a proxy is also shown to clients that ask for none of them.
    """

    name: str
    hosts: tuple[str, ...]
    pem: str = field(repr=False)


@dataclass(frozen=True)
class ProxyConfig:
    """The whole proxy: where it listens, where requests go, and who serves them. `https_port` None: no TLS."""

    bind_address: str
    bind_port: int
    routes: tuple[Route, ...] = ()
    backends: tuple[Backend, ...] = ()
    default_backend: str | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    https_port: int | None = None
    certificates: tuple[Certificate, ...] = ()

    def backend(self, name: str) -> Backend:
        """The backend of that name; KeyError when there is none."""
        for backend in self.backends:
            if backend.name == name:
                return backend
        raise KeyError(name)

"""Which backend a request goes to: one host and path table with Kubernetes' precedence.

Exact host before wildcard host before no host; within a host Exact before Prefix, and the longest Prefix first.
ImplementationSpecific is read as Prefix. Once a host is listed, a path it does not list falls through to the
wildcard and then to the host-less routes. Source: Kubernetes documentation, Ingress, "Multiple matches" and
"Hostname wildcards".

`match` answers for the model, `route_maps` is the same table as HAProxy looks it up; a property test holds
them together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from balancer.policy.config import Route

_PORT = re.compile(r":\d*$")
_NO_HOST = "*"


@dataclass(frozen=True)
class RouteMaps:
    """The table as two maps to a backend's name.

    A key is host and path; `exact` is looked up as it is, `prefix` by its longest key that begins the request's
    host, path and one more `/`. The host of a wildcard is `*.example`, of no host `*`.
    """

    exact: Mapping[str, str] = field(default_factory=dict)
    prefix: Mapping[str, str] = field(default_factory=dict)


def ordered(routes: Iterable[Route]) -> tuple[Route, ...]:
    """Routes by precedence; of two for the same host, path, type and condition the first is kept."""
    seen: dict[tuple[object, ...], Route] = {}
    for route in routes:
        seen.setdefault((*route.place, route.when), route)
    return tuple(sorted(seen.values(), key=_precedence))


def match(routes: tuple[Route, ...], host: str, path: str) -> Route | None:
    """The route of a request; `routes` as `ordered` gives them. A query string and the host's port do not count."""
    bare_host = _PORT.sub("", host).lower()
    bare_path = path.split("?", 1)[0]
    for route in routes:
        if _host_matches(route.host, bare_host) and _path_matches(route, bare_path):
            return route
    return None


def route_maps(routes: Iterable[Route]) -> RouteMaps:
    """The maps of a table; what comes first in it wins."""
    exact: dict[str, str] = {}
    prefix: dict[str, str] = {}
    for route in routes:
        (exact if route.path_type == "Exact" else prefix).setdefault(_key(route), route.backend)
    return RouteMaps(exact, prefix)


def map_hosts(host: str) -> tuple[str, ...]:
    """The hosts under which a request's host is looked up, one after the other."""
    label, dot, rest = host.partition(".")
    return (host, f"*.{rest}", _NO_HOST) if label and dot else (host, _NO_HOST)


def _key(route: Route) -> str:
    host, path, _ = route.place
    return (_NO_HOST if host is None else host) + path


def _precedence(route: Route) -> tuple[int, int, int]:
    """Routes that win come first."""
    host_rank = 2 if route.host is None else 1 if route.host.startswith("*.") else 0
    return host_rank, 0 if route.path_type == "Exact" else 1, -len(route.path.rstrip("/"))


def _host_matches(pattern: str | None, host: str) -> bool:
    """A wildcard stands for exactly one more label."""
    if pattern is None or pattern == host:
        return True
    label, dot, rest = host.partition(".")
    return pattern.startswith("*.") and bool(label and dot) and rest == pattern[2:]


def _path_matches(route: Route, path: str) -> bool:
    """Exact to the letter; Prefix by path elements, so that /a matches /a and /a/b but not /ab."""
    if route.path_type == "Exact":
        return path == route.path
    return (path + "/").startswith(route.path.rstrip("/") + "/")

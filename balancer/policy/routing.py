"""Which backend a request goes to: one host and path table with Kubernetes' precedence.

Exact host before wildcard host before no host; within a host Exact before Prefix, and the longest Prefix first.
ImplementationSpecific is read as Prefix. Source: Kubernetes documentation, Ingress, "Multiple matches" and
"Hostname wildcards".
"""

from __future__ import annotations

from collections.abc import Iterable

from balancer.policy.config import Route


def precedence(route: Route) -> tuple[int, int, int]:
    """Sort key: routes that win come first."""
    host_rank = 2 if route.host is None else 1 if route.host.startswith("*.") else 0
    return host_rank, 0 if route.path_type == "Exact" else 1, -len(route.path.rstrip("/"))


def ordered(routes: Iterable[Route]) -> tuple[Route, ...]:
    """Routes by precedence; of two for the same host, path and type the first given is kept."""
    seen: dict[tuple[str | None, str, bool], Route] = {}
    for route in routes:
        seen.setdefault((route.host, route.path, route.path_type == "Exact"), route)
    return tuple(sorted(seen.values(), key=precedence))


def match(routes: tuple[Route, ...], host: str, path: str) -> Route | None:
    """The route of a request; `routes` as `ordered` gives them. A query string and the host's port do not count.

    Once a host is listed, a path it does not list falls through to wildcard and then host-less routes.
    """
    bare_host = host.rsplit(":", 1)[0].lower()
    bare_path = path.split("?", 1)[0]
    for route in routes:
        if host_matches(route.host, bare_host) and path_matches(route, bare_path):
            return route
    return None


def host_matches(pattern: str | None, host: str) -> bool:
    """A wildcard stands for exactly one more label."""
    if pattern is None or pattern == host:
        return True
    if not pattern.startswith("*."):
        return False
    label, dot, rest = host.partition(".")
    return bool(label and dot) and rest == pattern[2:]


def path_matches(route: Route, path: str) -> bool:
    """Exact to the letter; Prefix by path elements, so that /a matches /a and /a/b but not /ab."""
    if route.path_type == "Exact":
        return path == route.path
    prefix = route.path.rstrip("/")
    return path == prefix or path.startswith(prefix + "/")

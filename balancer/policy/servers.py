"""Live endpoints → servers of each backend.

What did not change comes out as the very same object: one pod's change among thousands of backends costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from balancer.policy.config import Backend, BackendSettings, ProxyConfig, Server, ServerState
from balancer.policy.objects import Endpoint


@dataclass(frozen=True)
class _Made:
    """A backend and what it was made of."""

    empty: Backend
    endpoints: tuple[Endpoint, ...]
    proxies: int
    backend: Backend


class Servers:
    """Puts servers into the backends of a frame, again and again."""

    def __init__(self) -> None:
        self._made: dict[str, _Made] = {}

    def config(
        self,
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
        known = {} if current is None else {backend.name: backend for backend in current.backends}
        made: dict[str, _Made] = {}
        for empty in frame.backends:
            here = endpoints.get(empty.name, ())
            last = self._made.get(empty.name)
            if last is None or last.empty is not empty or last.endpoints is not here or last.proxies != proxies:
                before = known[empty.name].servers if empty.name in known else ()
                servers = tuple(_servers(here, before, empty.settings, proxies))
                last = _Made(empty, here, proxies, _same(replace(empty, servers=servers), known.get(empty.name)))
            made[empty.name] = last
        self._made = made
        return replace(frame, backends=tuple(entry.backend for entry in made.values()))


def share(limit: int, proxies: int) -> int:
    """One proxy's part of a pod's limit: rounded down, but never to 0, which would be unlimited; 0 stays 0."""
    return max(1, limit // proxies) if limit else 0


def _same(backend: Backend, known: Backend | None) -> Backend:
    return known if known is not None and known == backend else backend


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
            link=settings.link,
        )

"""Who is in rotation behind which proxies: the part of the data plane that both planes keep in Python.

A backend whose algorithm takes no servers at run time makes the controllers reload: every proxy starts a new
process with empty queues and all slots free, and the old ones serve what they have.
"""

from __future__ import annotations

from itertools import count
from typing import Generic, Protocol, TypeVar

from balancer.policy.config import Backend as BackendConfig
from balancer.policy.servers import share
from sim.cluster import Cluster


class Named(Protocol):
    """What the bookkeeping needs of a pod."""

    name: str

    @property
    def in_flight(self) -> int:
        """Requests it holds."""


P = TypeVar("P", bound=Named)


class Fleet(Generic[P]):
    """Endpoints of `cluster.proxies` HAProxy processes. A subclass starts processes and moves single servers."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.config, self.proxies = cluster, cluster.config, cluster.proxies
        self._known: dict[str, dict[str, tuple[P, int]]] = {backend.name: {} for backend in self.config.backends}
        self._leaving: dict[str, list[tuple[P, int]]] = {}
        self._down: set[tuple[int, str, str]] = set()

    def add(self, deployment: str, pod: P, *, new: bool = True) -> None:
        """Every proxy sends requests to this pod from now on."""
        for name in self.backends_of(deployment):
            id_ = self._id_of(name, pod)
            self._known[name][pod.name] = (pod, id_)
            if self._backend(name).settings.balance.takes_servers_at_runtime or not new:
                for proxy in range(self.proxies):
                    self._seat(proxy, name, pod, id_, slowly=new)
            else:
                self.reload()

    def drain(self, deployment: str, pod: P) -> None:
        """No proxy sends it new ones."""
        for name in self.backends_of(deployment):
            known = self._known[name].pop(pod.name, None)
            if known is None:
                continue
            self._leaving.setdefault(name, []).append(known)
            self._down = {mark for mark in self._down if mark[1:] != (name, pod.name)}
            if self._backend(name).settings.balance.takes_servers_at_runtime:
                for proxy in range(self.proxies):
                    self._unseat(proxy, name, pod)
            else:
                self.reload()

    def mark(self, deployment: str, pod: P, proxy: int, *, up: bool) -> None:
        """The health checks of one proxy have found a server of this pod down, or up again."""
        for name in self.backends_of(deployment):
            known, mark = self._known[name].get(pod.name), (proxy, name, pod.name)
            if known is None or (mark in self._down) != up:
                continue
            if up:
                self._down.remove(mark)
                self._seat(proxy, name, pod, known[1], slowly=True)
            else:
                self._down.add(mark)
                self._unseat(proxy, name, pod)

    def reload(self) -> None:
        """Every proxy starts a new process with the servers in rotation now; one found down stays down."""
        for proxy in range(self.proxies):
            self._start_process(proxy)
            for name, pods in self._known.items():
                for pod, id_ in pods.values():
                    if (proxy, name, pod.name) not in self._down:
                        self._seat(proxy, name, pod, id_, slowly=False)

    def backends_of(self, deployment: str) -> list[str]:
        """Backends whose pods are this Deployment's."""
        return [name for name, owner in self.cluster.deployment_of.items() if owner == deployment]

    def shares(self, backend: str) -> tuple[int, int]:
        """(maxconn, minconn) of a pod at one proxy."""
        settings = self._backend(backend).settings
        maxconn, minconn = share(settings.pod_maxconn, self.proxies), share(settings.pod_minconn, self.proxies)
        return maxconn, min(minconn, maxconn)

    def _start_process(self, proxy: int) -> None:
        raise NotImplementedError

    def _seat(self, proxy: int, backend: str, pod: P, id_: int, *, slowly: bool) -> None:
        raise NotImplementedError

    def _unseat(self, proxy: int, backend: str, pod: P) -> None:
        raise NotImplementedError

    def _backend(self, name: str) -> BackendConfig:
        return self.config.backend(name)

    def _id_of(self, backend: str, pod: P) -> int:
        """Its own, when it comes back while its old requests still run; else a free one."""
        leaving = self._leaving.get(backend, [])
        for known in leaving:
            if known[0].name == pod.name:
                leaving.remove(known)
                return known[1]
        return self._free_id(backend)

    def _free_id(self, backend: str) -> int:
        """The lowest id that no server has, those still finishing requests included, as `balancer.policy.desired` does."""
        leaving = [known for known in self._leaving.get(backend, []) if known[0].in_flight]
        self._leaving[backend] = leaving
        used = {id_ for _, id_ in [*self._known[backend].values(), *leaving]}
        return next(id_ for id_ in count(1) if id_ not in used)

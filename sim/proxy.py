"""The HAProxy process in front of all backends: routes, refusals, and the endpoints the controller gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network
from itertools import count

from balancer.policy.config import Backend as BackendConfig
from balancer.policy.config import ProxyConfig
from balancer.policy.routing import match
from sim.backend import Attempt, Backend, Fate, Observer, Server
from sim.clock import Clock
from sim.hashing import avalanche, sdbm
from sim.pod import Pod
from sim.ratelimit import RateLimiter


@dataclass(frozen=True)
class Destination:
    """Where a request goes. `key` is its hash for a hashed pick, `draws` how many numbers random(N) takes."""

    backend: str
    key: int | None = None
    draws: int = 0


class Proxy:
    """One HAProxy. `deployment_of` names the Deployment behind each backend; `addresses` the clients' own.

    A backend whose algorithm takes no servers at run time makes the controller reload: a new process starts
    with empty queues and all slots free, and the old one serves what it has.
    """

    def __init__(
        self,
        env: Clock,
        config: ProxyConfig,
        deployment_of: Mapping[str, str],
        addresses: tuple[str, ...],
        waited: Observer,
        served: Observer,
    ) -> None:
        self.env, self.config, self.addresses = env, config, addresses
        self._deployment_of = deployment_of
        self._waited, self._served = waited, served
        self._pods: dict[str, dict[str, tuple[Pod, int]]] = {}
        self._leaving: dict[str, list[tuple[Pod, int]]] = {}
        self.backends: dict[str, Backend] = {}
        self._limiters: dict[str, RateLimiter] = {}
        self._start_process()
        self.destination = lru_cache(maxsize=65_536)(self._destination)
        self._denied = lru_cache(maxsize=65_536)(self._is_denied)

    def submit(self, destination: Destination | None, client: int, attempt: Attempt) -> None:
        """A request reaches the frontend."""
        if destination is None:
            attempt.end("no_server")
            return
        name = destination.backend
        limiter = self._limiters.get(name)
        if self._denied(name, client):
            attempt.end("denied")
        elif limiter is not None and limiter.refuses(client, self.env.now):
            attempt.end("rate_limited")
        else:
            self.backends[name].submit(attempt)

    def is_worth_a_retry(self, destination: Destination | None, fate: Fate) -> bool:
        """Whether a client repeats it: what nothing answered, a status of 500 or more, and 429; not other refusals."""
        if fate == "rate_limited" and destination is not None:
            limit = self._config(destination.backend).settings.rate_limit
            return limit is not None and (limit.status_code >= 500 or limit.status_code == 429)
        return fate not in {"ok", "denied"} and destination is not None

    def add(self, deployment: str, pod: Pod) -> None:
        """The controller brings a pod into rotation, in every backend of its Deployment."""
        for name in self._backends_of(deployment):
            id_ = self._free_id(name)
            self._pods.setdefault(name, {})[pod.name] = (pod, id_)
            if self._takes_servers_at_runtime(name):
                self.backends[name].add(self._server(name, pod, id_))
            else:
                self._start_process()

    def drain(self, deployment: str, pod: Pod) -> None:
        """The controller takes a pod out of rotation."""
        for name in self._backends_of(deployment):
            known = self._pods.get(name, {}).pop(pod.name, None)
            if known is None:
                continue
            self._leaving.setdefault(name, []).append(known)
            if self._takes_servers_at_runtime(name):
                self.backends[name].drain(pod.name)
            else:
                self._start_process()

    def _destination(self, host: str, path: str, client: int) -> Destination | None:
        route = match(self.config.routes, host, path)
        name = route.backend if route else self.config.default_backend
        if name is None:
            return None
        balance = self._config(name).settings.balance
        if balance.algorithm == "random":
            return Destination(name, draws=balance.draws)
        key = self._key_of(balance.algorithm, balance.argument, host, path, client)
        if key is not None and balance.consistent:
            key = avalanche(key)
        return Destination(name, key)

    def _key_of(self, algorithm: str, argument: str | None, host: str, path: str, client: int) -> int | None:
        """What a hashed pick hashes, hashed; None where the request has no such thing."""
        if algorithm == "source":
            return int(IPv4Address(self.addresses[client]))
        if algorithm == "uri":
            return sdbm(path.split("?", 1)[0].encode())
        if algorithm == "hdr" and argument is not None and argument.lower() == "host":
            return sdbm(host.encode())
        if algorithm == "url_param":
            for parameter in path.partition("?")[2].split("&"):
                name, equals, value = parameter.partition("=")
                if equals and name == argument:
                    return sdbm(value.encode())
        return None

    def _is_denied(self, backend: str, client: int) -> bool:
        settings = self._config(backend).settings
        address = ip_address(self.addresses[client])
        listed = [
            any(address in ip_network(n, strict=False) for n in names) for names in (settings.allow, settings.deny)
        ]
        return listed[1] or (bool(settings.allow) and not listed[0])

    def _start_process(self) -> None:
        """All backends anew, with the servers in rotation now."""
        self.backends = {
            b.name: Backend(self.env, b.settings, self._waited, self._served) for b in self.config.backends
        }
        self._limiters = {
            b.name: RateLimiter(b.settings.rate_limit) for b in self.config.backends if b.settings.rate_limit
        }
        for name, pods in self._pods.items():
            for pod, id_ in pods.values():
                self.backends[name].add(self._server(name, pod, id_))

    def _free_id(self, backend: str) -> int:
        """The lowest id that no server has, those still finishing requests included, as `balancer.policy.desired` does."""
        leaving = [known for known in self._leaving.get(backend, []) if known[0].jobs]
        self._leaving[backend] = leaving
        used = {id_ for _, id_ in [*self._pods.get(backend, {}).values(), *leaving]}
        return next(id_ for id_ in count(1) if id_ not in used)

    def _server(self, backend: str, pod: Pod, id_: int) -> Server:
        return Server(pod, id_, self._config(backend).settings.pod_maxconn)

    def _takes_servers_at_runtime(self, backend: str) -> bool:
        return self._config(backend).settings.balance.takes_servers_at_runtime

    def _config(self, backend: str) -> BackendConfig:
        return self.config.backend(backend)

    def _backends_of(self, deployment: str) -> list[str]:
        return [name for name, owner in self._deployment_of.items() if owner == deployment]

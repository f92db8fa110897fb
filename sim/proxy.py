"""HAProxy processes in plain SimPy: refusals, and the endpoints the controllers give them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address

from balancer.policy.servers import share
from scenarios.schema import Scenario
from sim.backend import Attempt, Backend, Observer, Server
from sim.clock import Clock
from sim.cluster import Cluster
from sim.dataplane.facts import FIRST_POD_ADDRESS
from sim.destinations import Destination, destination, is_denied
from sim.fleet import Fleet
from sim.kinds import Kind
from sim.pod import Pod, SharedCpuPod, WorkerPod
from sim.ratelimit import RateLimiter


@dataclass
class Process:
    """One HAProxy process."""

    backends: dict[str, Backend]
    limiters: dict[str, RateLimiter]
    servers: dict[tuple[str, str], Server] = field(default_factory=dict)


class Proxies(Fleet[Pod]):
    """All proxies, and the pods behind them. `waited` and `served` are told of every stay in a queue or a slot."""

    def __init__(
        self, env: Clock, scenario: Scenario, cluster: Cluster, idle_cores: float, waited: Observer, served: Observer
    ) -> None:
        super().__init__(cluster)
        self.env, self._workload, self._idle_cores = env, scenario.workload, idle_cores
        self._waited, self._served = waited, served
        self._limit_milli = {d.name: d.cpu_limit_milli for d in cluster.deployments}
        self._arrived = dict.fromkeys((backend.name for backend in self.config.backends), 0)
        self._pods: list[Pod] = []
        self._ordinal: dict[str, int] = {}
        self._running: list[Process] = [self._new_process() for _ in range(self.proxies)]
        self._old: list[Process] = []
        self.destination = lru_cache(maxsize=65_536)(self._destination)
        self._denied = lru_cache(maxsize=65_536)(self._is_denied)

    def new_pod(self, deployment: str, name: str) -> Pod:
        """A pod whose process starts now."""
        limit = self._limit_milli[deployment]
        pod: Pod
        if self._workload.discipline == "workers":
            pod = WorkerPod(self.env, name, self._workload.workers, self._idle_cores)
        else:
            pod = SharedCpuPod(self.env, name, None if limit is None else limit / 1000, self._idle_cores)
        self._ordinal[name] = len(self._pods)
        self._pods.append(pod)
        return pod

    def submit(self, goal: Destination | None, proxy: int, client: int | None, attempt: Attempt) -> None:
        """A request reaches a frontend; `client` None is a pod that calls another."""
        if goal is None:
            attempt.end("no_server")
            return
        name = goal.backend
        self._arrived[name] += 1
        process = self._running[proxy]
        limiter = process.limiters.get(name)
        if client is not None and self._denied(name, client):
            attempt.end("denied")
        elif client is not None and limiter is not None and limiter.refuses(client, self.env.now):
            attempt.end("rate_limited")
        else:
            process.backends[name].submit(attempt)

    def arrived(self, deployment: str) -> int:
        """Requests that have reached the proxies for this Deployment's backends."""
        return sum(self._arrived[name] for name in self.backends_of(deployment))

    def queued(self, deployment: str) -> int:
        """Requests that wait in the proxies for this Deployment's pods."""
        backends = [p.backends[name] for p in (*self._running, *self._old) for name in self.backends_of(deployment)]
        return sum(backend.waiting for backend in backends)

    def address_of_pod(self, name: str) -> int:
        """Where its calls come from."""
        return FIRST_POD_ADDRESS + self._ordinal[name]

    def address_of_client(self, client: int) -> int:
        """Where a client's requests come from."""
        return int(IPv4Address(self.cluster.addresses[client]))

    def _destination(self, kind: Kind, key: int, address: int) -> Destination | None:
        return destination(self.config, kind, key, address)

    def _is_denied(self, backend: str, client: int) -> bool:
        return is_denied(self._backend(backend).settings, self.cluster.addresses[client])

    def _new_process(self) -> Process:
        return Process(
            {b.name: Backend(self.env, b.settings, self._waited, self._served) for b in self.config.backends},
            {b.name: RateLimiter(b.settings.rate_limit) for b in self.config.backends if b.settings.rate_limit},
        )

    def _start_process(self, proxy: int) -> None:
        self._old.append(self._running[proxy])
        self._running[proxy] = self._new_process()

    def _seat(self, proxy: int, backend: str, pod: Pod, id_: int, *, slowly: bool) -> None:
        process = self._running[proxy]
        server = process.servers.get((backend, pod.name))
        if server is None:
            maxconn, minconn = self.shares(backend)
            maxqueue = share(self._backend(backend).settings.pod_maxqueue, self.proxies)
            server = Server(pod, id_, maxconn, self.cluster.weight_of(self._ordinal[pod.name]), minconn, maxqueue)
            process.servers[backend, pod.name] = server
        process.backends[backend].add(server, slowly=slowly)

    def _unseat(self, proxy: int, backend: str, pod: Pod) -> None:
        self._running[proxy].backends[backend].drain(pod.name)

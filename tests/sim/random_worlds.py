"""Random scenarios with every feature of the data plane, and a control plane that follows a script."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np

from balancer.policy.config import Backend, BackendSettings, Balance, ProxyConfig, RateLimit, Route, Timeouts
from balancer.policy.objects import Deployment, Probe
from scenarios.schema import Scenario
from scenarios.traffic import PhaseSpan, Schedule
from sim.clock import Clock
from sim.cluster import Cluster, client_addresses
from sim.plane import Plane, PodHandle
from sim.workload import Behaviour, constant, declared, empirical

ALGORITHMS = (
    "roundrobin",
    "static-rr",
    "leastconn",
    "leastconn",
    "random",
    "first",
    "source",
    "uri",
    "hdr",
    "url_param",
)
ARGUMENTS = {"hdr": "host", "url_param": "q"}
EVENTS = ("new", "new", "drain", "kill", "slow", "cold", "cut off", "down", "up", "reload", "retire", "look", "look")


@dataclass
class World:
    """A scenario, its cluster and schedule, and what happens to it when: (time_s, what, to which pod)."""

    scenario: Scenario
    cluster: Cluster
    schedule: Schedule
    behaviour: Behaviour
    script: list[tuple[float, str, int]]
    seed: int

    def features(self) -> set[str]:
        """What is switched on, in words."""
        scenario = self.scenario
        found = {scenario.workload.discipline} | {what for _, what, _ in self.script}
        for backend in self.cluster.config.backends:
            settings = backend.settings
            found |= {settings.balance.algorithm, f"{settings.balance.algorithm} {settings.balance.consistent}"}
            for name in ("pod_maxconn", "pod_minconn", "pod_maxqueue", "slowstart_s", "rate_limit", "deny"):
                found |= {name} if getattr(settings, name) else set()
            found |= {"balance factor"} if settings.balance.hash_balance_factor else set()
        for path in scenario.workload.paths.values():
            found |= {path.calls_in} if path.calls else set()
        for request in scenario.traffic.requests:
            found |= {"retries"} if request.retries else set()
            found |= {"key"} if "{key}" in request.path else set()
        flags = {
            "cancels": scenario.workload.cancels,
            "users": scenario.traffic.users is not None,
            "new connections": not scenario.traffic.keep_alive,
            "proxies": self.cluster.proxies > 1,
            "weights": bool(self.cluster.weights),
        }
        return found | {name for name, on in flags.items() if on}


def world(r: Random) -> World:
    """A scenario as `r` has it."""
    services = r.choice([1, 1, 2, 3])
    paths = _paths(r, services)
    mix = [
        {
            "host": "h", "path": f"/s{i}", "weight": r.choice([1, 3]), "timeout": f"{r.choice([0.4, 1, 8])}s",
            "retries": r.choice([0, 1, 3]), "backoff": f"{r.choice([0, 0.1])}s",
        }
        for i in range(r.choice([1, services]))
    ]  # fmt: skip
    if r.random() < 0.3:
        path = r.choice(["/s0/item/{key}", "/s0/item?q={key}"])
        paths[path] = {"time": _time(r, 0.1), "cpu": "0s"}
        mix.append({"host": "h", "path": path, "keys": 500, "timeout": "2s"})
    clients = r.choice([1, 5, 40])
    traffic: dict[str, Any] = {
        "phases": [{"name": "all", "duration": "1s", "rps": 1}],
        "requests": mix,
        "clients": clients,
    }
    if r.random() < 0.3:
        traffic |= {"keep_alive": False, "connect": f"{r.choice([0, 0.02])}s"}
    if r.random() < 0.3:
        traffic["users"] = {"count": r.choice([1, 5, 20]), "think": _time(r, 0.5)}
    proxies = r.choice([1, 1, 2, 3])
    scenario = Scenario.model_validate(
        {
            "name": "any",
            "manifests": ["none.yaml"],
            "traffic": traffic,
            "workload": {
                "paths": paths,
                "startup": {"mean": "1s"},
                "workers": r.choice([1, 2, 8]),
                "discipline": r.choice(["workers", "shared-cpu"]),
                "cancels": r.random() < 0.4,
            },
            "slo": {"p99": "1s", "success": "99%"},
            "cluster": {"proxies": proxies},
        }
    )
    schedule = _schedule(r, scenario)
    end_s = schedule.duration_s
    script = [
        (
            r.uniform(0, end_s) if r.random() < 0.7 else float(int(r.uniform(0, end_s))),
            r.choice(EVENTS),
            r.randrange(20),
        )
        for _ in range(r.choice([0, 3, 12]))
    ]
    behaviour = declared(scenario)
    if r.random() < 0.6:
        outside = r.choice([empirical(np.array([0.001, 0.002, 0.01])), constant(0.003)])
        behaviour = dataclasses.replace(behaviour, outside=outside)
    return World(scenario, _cluster(r, services, clients, proxies), schedule, behaviour, script, r.randrange(2**31))


def _time(r: Random, mean: float) -> dict[str, Any]:
    return r.choice(
        [
            {"constant": f"{mean}s"},
            {"exponential": {"mean": f"{mean}s"}},
            {"lognormal": {"mean": f"{mean}s", "cv": r.choice([0.3, 1.5])}},
        ]
    )


def _paths(r: Random, services: int) -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = {}
    for i in range(services):
        mean = r.choice([0.05, 0.2, 0.5])
        paths[f"/s{i}"] = {"time": _time(r, mean), "cpu": f"{r.choice([0, 0.15, 0.5]) * mean}s"}
        if i < services - 1 and r.random() < 0.7:
            paths[f"/s{i}"]["calls_in"] = r.choice(["sequence", "parallel"])
            paths[f"/s{i}"]["calls"] = [
                {
                    "host": "h", "path": f"/s{r.randrange(i + 1, services)}", "timeout": f"{r.choice([0.3, 5])}s",
                    "retries": r.choice([0, 2]), "backoff": f"{r.choice([0, 0.05])}s",
                }
                for _ in range(r.choice([1, 2, 3]))
            ]  # fmt: skip
    return paths


def _schedule(r: Random, scenario: Scenario) -> Schedule:
    n, rate_rps, numbers = r.choice([50, 200, 400]), r.choice([2, 10, 40]), np.random.default_rng(r.randrange(2**31))
    kind = r.random()
    if kind < 0.2:
        times = np.arange(n) / rate_rps
    elif kind < 0.4:
        times = np.repeat(np.arange(n // 10) * 10 / rate_rps, 10)
    else:
        times = np.cumsum(numbers.exponential(1 / rate_rps, n))
    n, end_s = times.size, float(times[-1]) + r.choice([0.0, 1.0])
    requests = scenario.traffic.requests
    request = numbers.integers(0, len(requests), n).astype(np.int32)
    key = (numbers.random(n) * np.array([q.keys for q in requests])[request]).astype(np.int64)
    client = numbers.integers(0, scenario.traffic.clients, n).astype(np.int32)
    phases = (PhaseSpan("a", 0.0, end_s / 2, surge=True), PhaseSpan("b", end_s / 2, end_s, surge=False))
    return Schedule(times, request, key, client, phases, end_s)


def _cluster(r: Random, services: int, clients: int, proxies: int) -> Cluster:
    backends, deployments, routes = [], [], []
    for i in range(services):
        algorithm = r.choice(ALGORITHMS)
        balance = Balance(
            algorithm,  # type: ignore[arg-type]  # one of the words
            argument=ARGUMENTS.get(algorithm),
            draws=r.choice([1, 2, 3]),
            consistent=r.random() < 0.6,
            hash_balance_factor=r.choice([0, 0, 150]),
        )
        maxconn = r.choice([0, 1, 2, 4])
        settings = BackendSettings(
            balance=balance,
            pod_maxconn=maxconn,
            pod_minconn=r.choice([0, 0, 1]) if maxconn else 0,
            fullconn=r.choice([6, 15]) if maxconn else 0,
            pod_maxqueue=r.choice([0, 0, 2]),
            slowstart_s=r.choice([0.0, 0.0, 3.0]),
            timeouts=Timeouts(
                queue_s=r.choice([0.2, 1, 50]), server_s=r.choice([0.6, 50]), connect_s=r.choice([0.3, 5])
            ),
            retries=r.choice([0, 1, 3]),
            rate_limit=RateLimit(r.choice([2, 5]), status_code=r.choice([403, 429])) if r.random() < 0.2 else None,
            deny=("127.0.1.3/32",) if r.random() < 0.2 else (),
        )
        backends.append(Backend(f"b{i}", settings))
        routes.append(Route("h", f"/s{i}", "Prefix", f"b{i}"))
        deployments.append(
            Deployment(
                name=f"d{i}", namespace="default", replicas=1, selector={}, pod_labels={}, ports={}, first_port=1,
                cpu_request_milli=100, cpu_limit_milli=r.choice([None, 300, 1500]), readiness=Probe(period_s=1),
            )
        )  # fmt: skip
    if r.random() < 0.3:
        routes.insert(0, Route("h", "/s0/item/7", "Exact", f"b{services - 1}"))
    return Cluster(
        config=ProxyConfig("127.0.0.1", 80, routes=tuple(routes), backends=tuple(backends)),
        deployment_of={f"b{i}": f"d{i}" for i in range(services)},
        deployments=tuple(deployments),
        replicas={f"d{i}": r.choice([0, 1, 2, 3, 5, 9]) for i in range(services)},
        autoscalers=(),
        addresses=client_addresses(clients),
        proxies=proxies,
        weights=r.choice([(), (100, 200, 50), (1, 2, 5)]),
    )


@dataclass
class Scripted:
    """A control plane that does what it is told; `seen` is what it noticed of the data plane."""

    script: list[tuple[float, str, int]]
    seen: list[tuple[object, ...]] = field(default_factory=list)

    def start(self, clock: Clock, _scenario: Scenario, cluster: Cluster, plane: Plane, *_rest: object) -> None:
        """As `control.start`."""
        self._clock, self._plane, self._cluster = clock, plane, cluster
        self._pods: list[tuple[str, PodHandle]] = []
        for deployment in cluster.deployments:
            for i in range(cluster.replicas[deployment.name]):
                self._pods.append((deployment.name, plane.new_pod(deployment.name, f"{deployment.name}-{i + 1}")))
                plane.add(*self._pods[-1], new=False)
        for k, (time_s, what, which) in enumerate(self.script):
            clock.at(time_s, lambda k=k, what=what, which=which: self._happen(k, what, which))  # type: ignore[misc]

    def _happen(self, k: int, what: str, which: int) -> None:
        clock, plane = self._clock, self._plane
        if what == "reload":
            plane.reload()
        elif what == "new":
            name = self._cluster.deployments[which % len(self._cluster.deployments)].name
            self._pods.append((name, plane.new_pod(name, f"{name}-n{k}")))
            plane.add(*self._pods[-1])
        elif self._pods:
            name, pod = self._pods[which % len(self._pods)]
            proxy = which % plane.proxies
            actions: dict[str, Callable[[], object]] = {
                "drain": lambda: plane.drain(name, pod),
                "kill": pod.kill,
                "slow": lambda: pod.slow(3.0),
                "cold": lambda: pod.warm_up(2.5, clock.now + 1.0),
                "cut off": lambda: self._cut_off(pod),
                "down": lambda: plane.mark(name, pod, proxy, up=False),
                "up": lambda: plane.mark(name, pod, proxy, up=True),
                "retire": lambda: clock.process(self._retire(name, pod)),
                "look": lambda: self._look(name, pod),
            }
            actions[what]()

    def _cut_off(self, pod: PodHandle) -> None:
        pod.set_reachable(reachable=False)
        self._clock.at(self._clock.now + 0.7, lambda: pod.set_reachable(reachable=True))

    def _retire(self, name: str, pod: PodHandle) -> Generator[Any, object, None]:
        self._plane.drain(name, pod)
        if pod.in_flight:
            yield pod.when_idle()
        self.seen.append((pod.name, self._clock.now))
        pod.kill()

    def _look(self, name: str, pod: PodHandle) -> None:
        plane = self._plane
        counts = (pod.accepted, pod.in_flight, pod.alive, plane.queued(name), plane.arrived(name))
        self.seen.append((pod.name, pod.cpu_used_s(), *counts))

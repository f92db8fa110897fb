from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from balancer.policy.config import Backend as Backend_
from balancer.policy.config import BackendSettings, Balance, ProxyConfig, RateLimit, Route, Timeouts
from balancer.policy.hpa import HpaSpec
from balancer.policy.objects import Deployment, Probe
from scenarios.schema import Scenario
from scenarios.traffic import PhaseSpan, Schedule
from sim.backend import Attempt, Backend, Fate, Server
from sim.clock import Clock
from sim.cluster import Cluster
from sim.engine import Replication
from sim.pod import WorkerPod
from sim.reference import simulate
from sim.streams import Streams
from sim.tally import Tally
from sim.trace import Trace
from sim.workload import declared


@dataclass
class Sent:
    """One attempt of a lab: when it was sent, what became of it, when, and on which pod."""

    attempt: Attempt
    sent_s: float
    end_s: float = float("nan")
    pods: list[str] = field(default_factory=list)

    @property
    def fate(self) -> Fate | None:
        return self.attempt.fate


class Lab:
    """A backend of real model parts without proxy, clients or control plane."""

    def __init__(
        self,
        balance: Balance | str = "roundrobin",
        *,
        servers: int | Sequence[int] = 1,
        maxconn: int = 0,
        workers: int = 1_000_000,
        timeouts: Timeouts | None = None,
        retries: int = 3,
    ) -> None:
        self.env = Clock()
        algorithm = balance if isinstance(balance, Balance) else Balance(balance)  # type: ignore[arg-type]
        settings = BackendSettings(balance=algorithm, timeouts=timeouts or Timeouts(queue_s=1e9), retries=retries)
        self.waits: list[tuple[float, int]] = []
        self.stays: list[tuple[float, int]] = []
        self.backend = Backend(
            self.env,
            settings,
            lambda now, step: self.waits.append((now, step)),
            lambda now, step: self.stays.append((now, step)),
        )
        self.workers, self.maxconn = workers, maxconn
        self.sent: list[Sent] = []
        self.pods: list[WorkerPod] = []
        self.servers: list[Server] = []
        weights = [100] * servers if isinstance(servers, int) else list(servers)
        for weight in weights:
            self.add_server(weight)

    def add_server(self, weight: int = 100) -> Server:
        number = len(self.pods) + 1
        pod = WorkerPod(self.env, f"pod-{number}", self.workers)
        server = Server(pod, number, self.maxconn, weight)
        self.pods.append(pod)
        self.servers.append(server)
        self.backend.add(server)
        return server

    def send(
        self,
        at_s: float,
        service_s: float,
        *,
        patience_s: float = 1e9,
        key: int | None = None,
        draws: Sequence[int] = (),
        cpu_s: float = 0.0,
    ) -> Sent:
        attempt = Attempt(self.env.event(), service_s, cpu_s, at_s + patience_s, key, draws)
        sent = Sent(attempt, at_s)
        self.sent.append(sent)

        def ended(_event: object) -> None:
            sent.end_s = self.env.now

        def go() -> None:
            self.backend.submit(attempt)
            if attempt.server is not None:
                sent.pods.append(attempt.server.pod.name)
            if patience_s < 1e9:
                self.env.after(patience_s, lambda: attempt.end("client_timeout"))

        assert attempt.done.callbacks is not None
        attempt.done.callbacks.append(ended)
        self.env.after(at_s - self.env.now, go)
        return sent

    def run(self, until_s: float | None = None) -> list[Sent]:
        self.env.run(until=until_s)
        return self.sent

    def fates(self) -> list[Fate | None]:
        return [sent.fate for sent in self.sent]

    def picks(self) -> list[str]:
        """Where each attempt went at once, "" for those that had to wait."""
        return [sent.pods[0].removeprefix("pod-") if sent.pods else "" for sent in self.sent]

    def sojourn_s(self) -> NDArray[np.float64]:
        return np.array([sent.end_s - sent.sent_s for sent in self.sent])


@pytest.fixture(scope="session")
def lab() -> type[Lab]:
    return Lab


class World:
    """A whole replication on hand-made input: one backend, one Deployment, a request mix of one path."""

    def __init__(
        self,
        *,
        time: dict[str, object] | None = None,
        balance: Balance | str = "leastconn",
        pods: int = 1,
        maxconn: int = 0,
        workers: int = 1,
        timeouts: Timeouts | None = None,
        hpa: HpaSpec | None = None,
        cpu: str = "0s",
        discipline: str = "workers",
        limit_milli: int | None = None,
        disturbances: Sequence[dict[str, object]] = (),
        request: dict[str, object] | None = None,
        cluster: dict[str, object] | None = None,
        startup: str = "2500ms",
        rate_limit: RateLimit | None = None,
        weights: tuple[int, ...] = (),
        maxqueue: int = 0,
        users: dict[str, object] | None = None,
        slowstart_s: float = 0.0,
        routes: tuple[Route, ...] = (),
    ) -> None:
        path = str((request or {}).get("path", "/"))
        behaviour = {"time": time or {"exponential": {"mean": "1s"}}, "cpu": cpu}
        self.scenario = Scenario.model_validate(
            {
                "name": "by-hand",
                "manifests": ["none.yaml"],
                "traffic": {
                    "phases": [{"name": "all", "duration": "1s", "rps": 1}],
                    "requests": [{"host": "h", "path": "/", "timeout": "10000s"} | (request or {})],
                }
                | ({"users": users} if users else {}),
                "workload": {
                    "paths": {path: behaviour},
                    "startup": {"mean": startup},
                    "workers": workers,
                    "discipline": discipline,
                },
                "cluster": cluster or {"hpa_sync": "5s", "metrics_resolution": "5s"},
                "slo": {"p99": "1s", "success": "99%"},
                "disturbances": list(disturbances),
            }
        )
        settings = BackendSettings(
            balance=balance if isinstance(balance, Balance) else Balance(balance),  # type: ignore[arg-type]
            pod_maxconn=maxconn,
            pod_maxqueue=maxqueue,
            slowstart_s=slowstart_s,
            timeouts=timeouts or Timeouts(queue_s=1e6, server_s=1e6),
            rate_limit=rate_limit,
        )
        deployment = Deployment(
            name="live", namespace="default", replicas=pods, selector={}, pod_labels={}, ports={}, first_port=1,
            cpu_request_milli=140, cpu_limit_milli=limit_milli, readiness=Probe(period_s=1),
        )  # fmt: skip
        self.cluster = Cluster(
            config=ProxyConfig(
                "127.0.0.1",
                80,
                routes=(*routes, Route("h", "/", "Prefix", "live")),
                backends=(Backend_("live", settings),),
            ),
            deployment_of={"live": "live"},
            deployments=(deployment,),
            replicas={"live": pods},
            autoscalers=(("live", hpa),) if hpa else (),
            addresses=("127.0.0.1",),
            weights=weights,
        )

    def run(self, intended_s: Sequence[float] | NDArray[np.float64], seed: int = 1, until_s: float = 0.0) -> Run:
        schedule = self.schedule(intended_s, until_s)
        trace = simulate(self.scenario, self.cluster, schedule, declared(self.scenario), Streams(seed, 0))
        return Run(schedule, trace)

    @staticmethod
    def schedule(intended_s: Sequence[float] | NDArray[np.float64], until_s: float = 0.0) -> Schedule:
        times = np.asarray(intended_s, dtype=np.float64)
        n = times.size
        duration_s = max(until_s, float(times[-1]) if n else 0.0)
        zeros = np.zeros(n, np.int32)
        spans = (PhaseSpan("all", 0.0, duration_s, surge=True),)
        return Schedule(times, zeros, zeros.astype(np.int64), zeros, spans, duration_s)

    def compiled(
        self,
        intended_s: Sequence[float] | NDArray[np.float64],
        seed: int = 1,
        until_s: float = 0.0,
        *,
        tracing: bool = False,
    ) -> Tally:
        """The same on the compiled kernel."""
        schedule = self.schedule(intended_s, until_s)
        return self.replication(schedule, seed).run([schedule], tracing=tracing)

    def replication(self, schedule: Schedule, seed: int = 1) -> Replication:
        """The kernel, ready for a schedule."""
        behaviour = declared(self.scenario)
        return Replication(
            self.scenario, self.cluster, schedule.phases, schedule.duration_s, behaviour, Streams(seed, 0)
        )

    def poisson(self, rate_rps: float, n: int, seed: int = 1) -> Run:
        gaps = np.random.default_rng([seed, 7]).exponential(1 / rate_rps, n)
        return self.run(np.cumsum(gaps), seed)


@dataclass
class Run:
    """What a replication gave."""

    schedule: Schedule
    trace: Trace

    @property
    def fates(self) -> list[Fate]:
        return [record.fate for record in self.trace.in_order()]

    def latency_s(self) -> NDArray[np.float64]:
        return np.array([record.end_s for record in self.trace.in_order()]) - self.schedule.intended_s

    def starts_s(self) -> list[float]:
        """When an attempt got a slot."""
        return sorted(time_s for time_s, step in self.trace.served if step > 0)


@pytest.fixture(scope="session")
def world() -> type[World]:
    return World

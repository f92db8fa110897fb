"""The local target: a scenario's pods as processes behind a real HAProxy, run by the controller core."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from balancer.controller import Controller
from balancer.haproxy.binary import find_binary
from balancer.haproxy.process import HAProxy
from balancer.policy.desired import backend_deployment, backend_names
from balancer.policy.objects import Endpoint, Probe
from matchday.display import Display
from matchday.errors import EnvironmentFailedError
from matchday.rundir import RunDirectory
from matchday.targets.local.addresses import Addresses, free_port
from matchday.targets.local.autoscaler import Autoscaler, Metrics, run_control_loops
from matchday.targets.local.pod import Pod, PodTemplate
from matchday.targets.local.procfs import cpu_s_by_session
from matchday.targets.local.replicaset import ReplicaSet
from matchday.targets.local.slowdown import set_slowdown
from matchday.targets.target import Change, Cpu, Starts, guarded
from scenarios.load import LoadedScenario
from scenarios.schema import Slow
from sim.cluster import first_replicas

_START_UP_LIMIT_S = 120.0
_POLL_S = 0.05
# Until calibration is over, start-up is watched on a finer clock than the manifests' probes.
FINE_PROBE_S = 0.025
_START_ROUNDS, _EXTRA_PODS = 2, 4
_IDLE_S = 3.0


class LocalTarget:
    """A running scenario. Made by `local_target`, which also takes all of it down again."""

    def __init__(self, loaded: LoadedScenario, run: RunDirectory, haproxy: HAProxy, controller: Controller) -> None:
        self.loaded, self.run, self.haproxy, self.controller = loaded, run, haproxy, controller
        self.metrics = Metrics()
        self.reloads = 0
        self.changes: list[Change] = []
        self.sets: dict[str, ReplicaSet] = {}
        self._deployment_of = {
            name: backend_deployment(loaded.manifests, name) for name in backend_names(loaded.manifests)
        }

    @property
    def address(self) -> str:
        """Where load goes, host:port."""
        return f"{self.haproxy.bind_address}:{self.haproxy.bind_port}"

    @property
    def proxy_log(self) -> Path:
        """HAProxy's log."""
        return self.haproxy.log_path

    def pods(self) -> list[Pod]:
        """All pods, those on their way out included."""
        return [pod for replica_set in self.sets.values() for pod in replica_set.pods]

    def update(self) -> None:
        """Bring HAProxy in line with the endpoints as they are now, and note the replica counts if they changed."""
        endpoints: dict[str, tuple[Endpoint, ...]] = {
            backend: self.sets[deployment.name].endpoints()
            for backend, deployment in self._deployment_of.items()
            if deployment.name in self.sets
        }
        result = self.controller.sync(endpoints)
        self.reloads += result.reloads
        if result.commands or result.reloads:
            words = [str(command) for command in result.commands]
            self.run.event(
                "controller",
                "; ".join([*words, *result.reasons]),
                took_s=round(result.took_s, 6),
                reloads=result.reloads,
            )
        self.note_replicas()

    def is_idle(self, pod: str) -> bool:
        """Whether no request is in flight on that pod."""
        return self.controller.is_idle(pod)

    def note_replicas(self) -> None:
        """Append (monotonic, desired, ready, in rotation) when a count changed."""
        desired = sum(s.desired for s in self.sets.values())
        ready = sum(pod.ready for pod in self.pods())
        in_rotation = sum(pod.in_rotation for pod in self.pods())
        if not self.changes or self.changes[-1][1:] != (desired, ready, in_rotation):
            self.changes.append((time.monotonic(), desired, ready, in_rotation))

    def autoscalers(self) -> list[Autoscaler]:
        """A fresh HPA, without memory, for each HorizontalPodAutoscaler of the manifests."""
        deployments = {d.name: d for d in self.loaded.manifests.deployments}
        return [
            Autoscaler(hpa.spec, deployments[hpa.deployment], self.sets[hpa.deployment], self.metrics, self.run.event)
            for hpa in self.loaded.manifests.autoscalers
        ]

    def start_pods(self, addresses: Iterator[str], seeds: Iterator[int], port: int) -> None:
        """Bring every Deployment to the replicas its HPA or manifest starts with."""
        log = self.run.path / "pods.log"
        for deployment in self.loaded.manifests.deployments:
            template = PodTemplate(
                deployment=deployment.name,
                command=_pod_command(self.loaded, self.run.path),
                port=port,
                probe=deployment.readiness or Probe(path=None),
                grace_s=deployment.termination_grace_s,
                start_delay_s=self.loaded.scenario.cluster.start_delay,
                log=log,
            )
            self.sets[deployment.name] = ReplicaSet(template, addresses, seeds, self, self.run.event)
            self.sets[deployment.name].probe_period_s = FINE_PROBE_S
        for deployment in self.loaded.manifests.deployments:
            self.sets[deployment.name].scale(first_replicas(self.loaded.manifests, deployment), due=time.monotonic())

    async def all_in_rotation(self) -> None:
        """Wait until every wanted pod is in rotation and none is being retired."""
        deadline = time.monotonic() + _START_UP_LIMIT_S
        while not all(len(s.pods) == s.desired and all(pod.in_rotation for pod in s.pods) for s in self.sets.values()):
            if time.monotonic() > deadline:
                raise EnvironmentFailedError(f"the pods were not ready within {_START_UP_LIMIT_S:.0f} s")
            await asyncio.sleep(_POLL_S)

    async def unless_it_fails(self, work: Coroutine[None, None, None], *helpers: asyncio.Future[None]) -> None:
        """Do `work` to its end; raise at once when HAProxy dies, a Deployment cannot live, or a helper fails."""
        await guarded(work, self._watch(), *helpers)

    async def _watch(self) -> None:
        """Never returns."""
        failures = [replica_set.failure for replica_set in self.sets.values()]
        while self.haproxy.running:
            for failure in failures:
                if failure.done():
                    failure.result()
            await asyncio.sleep(_POLL_S)
        raise EnvironmentFailedError(f"HAProxy died ({self.haproxy.death()}); see {self.run.path / 'proxy.log'}")

    async def kill(self, count: int) -> list[str]:
        """SIGKILL the `count` oldest pods; give their names."""
        oldest = sorted((pod for pod in self.pods() if pod.ready), key=lambda pod: pod.created)[:count]
        for pod in oldest:
            pod.kill()
        return [pod.name for pod in oldest]

    async def slow(self, slow: Slow) -> list[str]:
        """Turn the oldest pods slow for a while; give their names."""
        oldest = sorted((pod for pod in self.pods() if pod.ready), key=lambda pod: pod.created)[: slow.pods]
        for pod in oldest:
            await set_slowdown(pod.address, pod.port, slow.factor, slow.duration)
        return [pod.name for pod in oldest]

    def proxy_cpu_s(self) -> float:
        """CPU seconds HAProxy has used so far."""
        return cpu_s_by_session().get(self.haproxy.pid, 0.0)

    async def start_extra_pods(self, tell: Callable[[str], None]) -> None:
        """Two rounds of pods beyond those in service, and back."""
        before = {name: replica_set.desired for name, replica_set in self.sets.items()}
        for round_ in range(_START_ROUNDS):
            tell(f"starting {_EXTRA_PODS} extra pods, round {round_ + 1} of {_START_ROUNDS}")
            for extra in (_EXTRA_PODS, 0):
                for name, replica_set in self.sets.items():
                    replica_set.scale(before[name] + extra, due=time.monotonic())
                await self.all_in_rotation()

    async def idle_cores(self) -> float:
        """A few seconds of silence."""
        meter, began = LocalMeter(self), time.monotonic()
        await asyncio.sleep(_IDLE_S)
        return (await meter.read()).pods_s / (time.monotonic() - began) / max(1, self.pod_count())

    def starts(self) -> Starts:
        """Of every pod there ever was."""
        pods = [pod for replica_set in self.sets.values() for pod in replica_set.history]
        return Starts(
            startup_s=tuple(pod.startup_s for pod in pods if pod.startup_s is not None),
            rotation_lag_s=tuple(pod.rotation_lag_s for pod in pods if pod.rotation_lag_s is not None),
            decision_lag_s=tuple(lag for replica_set in self.sets.values() for lag in replica_set.decision_lags_s),
        )

    def pod_count(self) -> int:
        """Pods there are, those on their way out included."""
        return len(self.pods())

    async def meter(self) -> LocalMeter:
        """Count CPU from now on."""
        return LocalMeter(self)

    def calibrated(self) -> None:
        """Probe as the manifests say."""
        for replica_set in self.sets.values():
            replica_set.probe_period_s = None

    def surge_begins(self) -> None:
        """Forget earlier changes of replicas and note where they stand."""
        self.changes.clear()
        self.note_replicas()

    async def control(self, epoch: float) -> None:
        """Scrape and sync until cancelled."""
        await run_control_loops(self.autoscalers(), self.metrics, self.pods, self.loaded.scenario.cluster, epoch)

    async def settle(self) -> None:
        """HAProxy writes its log itself, and at once."""

    def surprises(self) -> list[str]:
        """Deaths that nobody ordered."""
        return [death for replica_set in self.sets.values() for death in replica_set.unexpected_deaths]

    async def stop(self) -> None:
        """End every pod."""
        await asyncio.gather(*(replica_set.stop() for replica_set in self.sets.values()))


class LocalMeter:
    """CPU of HAProxy and all pods, from /proc."""

    def __init__(self, target: LocalTarget) -> None:
        self._target = target
        target.metrics.scrape(target.pods())
        self._proxy_s, self._pods_s = target.proxy_cpu_s(), target.metrics.pods_cpu_s

    async def read(self) -> Cpu:
        """What was used until now."""
        target = self._target
        target.metrics.scrape(target.pods())
        return Cpu(target.proxy_cpu_s() - self._proxy_s, target.metrics.pods_cpu_s - self._pods_s)


def _pod_command(loaded: LoadedScenario, run_path: Path) -> tuple[str, ...]:
    if loaded.scenario.workload.command is not None:
        return (sys.executable, "-m", "matchday.targets.local.tether", *loaded.scenario.workload.command)
    workload = run_path / "workload.json"
    workload.write_text(json.dumps(loaded.scenario.workload.model_dump(mode="json"), indent=1))
    return (
        sys.executable,
        "-m",
        "matchday.standin",
        "--host",
        "{host}",
        "--port",
        "{port}",
        "--seed",
        "{seed}",
        "--workload",
        str(workload),
    )


@asynccontextmanager
async def local_target(
    loaded: LoadedScenario, run: RunDirectory, haproxy: Path | None, seed: int, display: Display
) -> AsyncIterator[LocalTarget]:
    """Start HAProxy and the pods, wait until all are in rotation; end every process on the way out."""
    addresses = Addresses()
    port = free_port()
    proxy = HAProxy(
        find_binary(haproxy), run.path / "proxy", run.path / "proxy.log", bind_address=addresses.proxy, bind_port=port
    )
    target = LocalTarget(loaded, run, proxy, Controller(proxy, loaded.manifests))
    try:
        with display.stage("start", "HAProxy and the first pods"):
            target.update()
            target.start_pods(addresses.pods(), count(seed), port)
            await target.unless_it_fails(target.all_in_rotation())
        yield target
    finally:
        await target.stop()
        proxy.stop(grace_s=0.5)

"""The Kubernetes target: a scenario's manifests in a namespace of its own, behind the cluster's controller."""

from __future__ import annotations

import asyncio
import dataclasses
import http.client
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from balancer.kube.api import Api, ApiError, ApiUnavailableError
from balancer.kube.watch import Change as Heard
from balancer.kube.watch import Reachable, Watch
from balancer.policy.podview import SYNC_OFFSET_S
from matchday.display import Display
from matchday.errors import EnvironmentFailedError
from matchday.rundir import RunDirectory
from matchday.targets.kube import namespace as spaces
from matchday.targets.kube.cpu import CpuCounts, KubeMeter
from matchday.targets.kube.freshness import Freshness
from matchday.targets.kube.logs import Logs
from matchday.targets.kube.objects import HPA, prepared
from matchday.targets.kube.pods import Pods
from matchday.targets.kube.reach import Reach
from matchday.targets.kube.starts import learnt
from matchday.targets.kube.timing import read_timing, refuse_without_metrics, with_window
from matchday.targets.kube.view import View, kinds
from matchday.targets.target import Change, Starts, guarded
from scenarios.load import LoadedScenario
from scenarios.schema import Slow
from scenarios.yaml_marks import read_documents

_START_ROUNDS, _EXTRA_PODS = 2, 4
_START_UP_LIMIT_S, _AWAY_LIMIT_S = 120.0, 45.0
# A watch that was quiet is taken up again without anybody noticing.
_NOTICED_S = 2.0
_POLL_S, _ROUTE_POLL_S = 0.05, 0.2
_QUIET_S, _SETTLE_LIMIT_S = 1.0, 6.0


class KubeTarget:
    """A running scenario. Made by `kube_target`, which also removes all of it."""

    def __init__(self, api: Api, name: str, address: str, loaded: LoadedScenario, run: RunDirectory) -> None:
        self.loaded, self.run, self.address, self.namespace = loaded, run, address, name
        self.changes: list[Change] = []
        self.proxy_log = run.path / "proxy.log"
        self.view = View()
        self.cpu = CpuCounts(api, name)
        self.fresh = Freshness(api, name)
        self._api = api
        self._pods = Pods(api, name, loaded.manifests, run.event)
        self._away_since: dict[str, float] = {}
        self._surprises: list[str] = []
        self._stop = threading.Event()
        self._idle_since_s = time.time()
        documents = [
            part.data for file in loaded.scenario.manifests for part in read_documents(loaded.directory / file)
        ]
        self._objects = prepared(documents, name, loaded.scenario.workload)

    def watch(self) -> None:
        """Hear of every change, in this loop, from threads that end with the program."""
        loop = asyncio.get_running_loop()

        def deliver(heard: Heard) -> None:
            if not loop.is_closed() and not self._stop.is_set():
                loop.call_soon_threadsafe(self.hear, heard)

        for kind in kinds(self.namespace):
            watch = Watch(self._api, kind, deliver)
            threading.Thread(target=watch.run, args=(self._stop,), daemon=True, name=f"watch-{kind.name}").start()

    def hear(self, heard: Heard) -> None:
        """Take in what the API server tells."""
        if isinstance(heard, Reachable):
            self._reachable(heard)
            return
        self.view.hear(heard)
        self._pods.hear(heard, self.view)
        self.note_replicas()

    def _reachable(self, heard: Reachable) -> None:
        name, now = heard.kind.name, time.monotonic()
        if not heard.yes:
            self._away_since.setdefault(name, now)
            self.run.event("kubernetes", f"no word of {name}s: {heard.why}")
        elif name in self._away_since:
            gone_s = now - self._away_since.pop(name)
            if gone_s >= _NOTICED_S:
                self._surprises.append(f"the API server told nothing of {name}s for {gone_s:.1f} s")

    def note_replicas(self) -> None:
        """Append (monotonic, desired, ready, in rotation) when a count changed."""
        counts = self.view.counts()
        if not self.changes or self.changes[-1][1:] != counts:
            self.changes.append((time.monotonic(), *counts))

    async def bring_up(self) -> None:
        """All but the autoscalers, until every pod is in rotation and the first host is served."""
        for name, replicas in self._pods.first_replicas.items():
            self._pods.ordered(name, None)
            for item in self._objects:
                if item["kind"] == "Deployment" and item["metadata"]["name"] == name:
                    item["spec"]["replicas"] = replicas
        await asyncio.to_thread(spaces.apply, self._api, [o for o in self._objects if o["kind"] != HPA])
        await self._all_in_rotation(self._pods.first_replicas)
        await self._routed()

    async def _all_in_rotation(self, wanted: dict[str, int]) -> None:
        total, deadline = sum(wanted.values()), time.monotonic() + _START_UP_LIMIT_S
        while self.view.counts() != (total, total, total) or len(self.view.all("Pod")) != total:
            if time.monotonic() > deadline:
                raise EnvironmentFailedError(
                    f"{total} pods were wanted and {self.view.counts()[1]} ready after {_START_UP_LIMIT_S:.0f} s: "
                    f"{self._pods.unscheduled(self.view) or 'see events.jsonl'}"
                )
            await asyncio.sleep(_POLL_S)

    async def _routed(self) -> None:
        request = self.loaded.scenario.traffic.requests[0]
        deadline = time.monotonic() + _START_UP_LIMIT_S / 4
        while (status := await asyncio.to_thread(_status, self.address, request.host, request.path)) != "200":
            if time.monotonic() > deadline:
                raise EnvironmentFailedError(
                    f"http://{self.address}{request.path} with host {request.host} answers {status}: is that the "
                    "controller's address, and its IngressClass the manifests'?"
                )
            await asyncio.sleep(_ROUTE_POLL_S)

    async def unless_it_fails(self, work: Coroutine[None, None, None], *helpers: asyncio.Future[None]) -> None:
        """Do `work` to its end; raise at once when pods cannot live, the API server stays away, or a helper fails."""
        await guarded(work, self._guard(), *helpers)

    async def _guard(self) -> None:
        """Never returns."""
        while True:
            for trouble in self.view.troubles():
                raise EnvironmentFailedError(trouble)
            away_s = max((time.monotonic() - since for since in self._away_since.values()), default=0.0)
            if away_s > _AWAY_LIMIT_S:
                raise EnvironmentFailedError(f"the API server has not answered for {away_s:.0f} s")
            await asyncio.sleep(_POLL_S)

    async def start_extra_pods(self, tell: Callable[[str], None]) -> None:
        """Two rounds of pods beyond those in service, and back."""
        self._idle_since_s = time.time()
        self._pods.ask_finely = True
        before = self._pods.first_replicas
        for round_ in range(_START_ROUNDS):
            tell(f"starting {_EXTRA_PODS} extra pods, round {round_ + 1} of {_START_ROUNDS}")
            for extra in (_EXTRA_PODS, 0):
                wanted = {name: count + extra for name, count in before.items()}
                for name, count in wanted.items():
                    self._pods.ordered(name, time.monotonic())
                    await asyncio.to_thread(self._scale, name, count)
                await self._all_in_rotation(wanted)

    def _scale(self, deployment: str, replicas: int) -> None:
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{deployment}/scale"
        self._api.send("PATCH", path, {"spec": {"replicas": replicas}}, content_type="application/merge-patch+json")

    async def idle_cores(self) -> float:
        """Of the pods that were there while others came and went."""
        return self.cpu.idle_cores(self._idle_since_s)

    def starts(self) -> Starts:
        """Of the pods that were ordered one by one; what a decision takes has the age of its figures in it."""
        found, sync_s = learnt(self._pods.starts), self.loaded.scenario.cluster.hpa_sync
        return dataclasses.replace(found, decision_lag_s=self.fresh.added_to(found.decision_lag_s, sync_s))

    def pod_count(self) -> int:
        """Pods there are, those on their way out included."""
        return len(self.view.all("Pod"))

    async def meter(self) -> KubeMeter:
        """Count CPU from now on."""
        return KubeMeter(self.cpu)

    def calibrated(self) -> None:
        """Ask pods and metrics no more; what the autoscaler sees is averaged as was seen."""
        self._pods.ask_finely = self.fresh.wanted = False
        if self.fresh.window_s is not None:
            self.loaded = with_window(self.loaded, self.fresh.window_s)
            self.run.event("timing", f"CPU of pods is averaged over {self.fresh.window_s:.1f} s")

    def surge_begins(self) -> None:
        """Forget earlier changes of replicas and note where they stand."""
        self.changes.clear()
        self.note_replicas()

    async def control(self, epoch: float) -> None:
        """Create the autoscalers at `epoch`, so that they sync on its grid; hear what they decide; never returns.

        Kubernetes looks at a new HPA for the first time one period after it was created, and then every period.
        Source: Kubernetes, podautoscaler/horizontal.go, enqueueHPA and its fixed-interval queue.
        """
        await asyncio.sleep(max(0.0, epoch + SYNC_OFFSET_S - time.monotonic()))
        hpas = [item for item in self._objects if item["kind"] == HPA]
        await asyncio.to_thread(spaces.apply, self._api, hpas)
        await asyncio.Event().wait()

    async def settle(self) -> None:
        """Until the log has not grown for a second."""
        deadline = time.monotonic() + _SETTLE_LIMIT_S
        size, since = -1, time.monotonic()
        while time.monotonic() < deadline and time.monotonic() - since < _QUIET_S:
            if (now := self.proxy_log.stat().st_size) != size:
                size, since = now, time.monotonic()
            await asyncio.sleep(_POLL_S)

    async def kill(self, count: int) -> list[str]:
        """Delete the oldest ready pods with no time to end."""
        names = self._pods.oldest(self.view, count)
        for name in names:
            path = f"/api/v1/namespaces/{self.namespace}/pods/{name}"
            await asyncio.to_thread(self._api.send, "DELETE", path, None, gracePeriodSeconds=0)
        return names

    async def slow(self, slow: Slow) -> list[str]:
        """Tell the oldest stand-ins to be slow."""
        names = self._pods.oldest(self.view, slow.pods)
        for name in names:
            await asyncio.to_thread(self._pods.set_slowdown, name, self.view, slow.factor, slow.duration)
        return names

    def surprises(self) -> list[str]:
        """Restarts that nobody ordered, and times without the API server."""
        return [*self._surprises, *self._pods.deaths]

    async def stay_alive(self) -> None:
        """Renew the namespace's sign of life until cancelled."""
        while True:
            try:
                await asyncio.to_thread(spaces.renew, self._api, self.namespace, time.time())
            except (ApiError, ApiUnavailableError) as error:
                self.run.event("kubernetes", f"namespace {self.namespace} could not be renewed: {error}")
            await asyncio.sleep(spaces.RENEW_S)

    def stop(self) -> None:
        """Hear no more."""
        self._stop.set()


def _status(address: str, host: str, path: str) -> str:
    """The status of one request, or why there was none."""
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": host})
        return str(connection.getresponse().status)
    except OSError as error:
        return str(error.strerror or error)
    finally:
        connection.close()


@asynccontextmanager
async def kube_target(
    loaded: LoadedScenario, run: RunDirectory, reach: Reach, display: Display
) -> AsyncIterator[KubeTarget]:
    """Make the namespace, bring the scenario up in it; remove it on the way out, whatever happened."""
    api = reach.connect()
    with display.stage("start", f"the cluster of {reach.name}"):
        await asyncio.to_thread(refuse_without_metrics, api, loaded)
        address = reach.find(api)
        for gone in await asyncio.to_thread(spaces.remove_stale, api):
            display.say(f"namespace {gone}, left by a run that died, removed")
        timing = await asyncio.to_thread(read_timing, api)
        run.event("timing", timing.said)
        name = spaces.name_for(loaded.scenario.name)
        target = KubeTarget(api, name, address, timing.applied(loaded), run)
    logs = Logs(api, target.proxy_log, frozenset(request.host for request in loaded.scenario.traffic.requests))
    helpers: list[asyncio.Future[Any]] = []
    try:
        with display.stage("pods", f"namespace {name}; {timing.said}") as stage:
            stage.update(0.1, "waiting for pods")
            await asyncio.to_thread(spaces.create, api, name, loaded.scenario.name, time.time())
            logs.start()
            target.watch()
            helpers += [asyncio.ensure_future(target.stay_alive()), asyncio.ensure_future(target.cpu.watch())]
            helpers.append(asyncio.ensure_future(target.fresh.watch()))
            await target.unless_it_fails(target.bring_up(), *helpers)
        yield target
    finally:
        for helper in helpers:
            helper.cancel()
        target.stop()
        logs.stop()
        with display.stage("remove", f"namespace {name}"):
            await asyncio.shield(asyncio.to_thread(spaces.delete, api, name))

"""The pods of the namespace from order to end: who started when, who died, who is the oldest."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from balancer.kube.api import Api, ApiError, ApiUnavailableError, Json
from balancer.kube.watch import Changed, Listed
from balancer.policy.objects import Deployment, Manifests, Probe
from matchday.errors import EnvironmentFailedError
from matchday.targets.kube.decisions import Decisions
from matchday.targets.kube.starts import Start, ask_until_ready, probed_port
from matchday.targets.kube.view import View, is_ready, serving, started_at
from sim.cluster import first_replicas

# A pod that is starting or ending fails its probes, as it should.
_EVERYDAY = frozenset({"Unhealthy"})


class Pods:
    """`starts` holds the pods that were ordered at a known moment; `deaths` what died without an order."""

    def __init__(self, api: Api, namespace: str, manifests: Manifests, event: Callable[..., None]) -> None:
        self.first_replicas = {d.name: first_replicas(manifests, d) for d in manifests.deployments}
        self.starts: dict[str, Start] = {}
        self.deaths: list[str] = []
        self.ask_finely = False
        self._api, self._namespace, self._event = api, namespace, event
        self._deployments: dict[str, Deployment] = {d.name: d for d in manifests.deployments}
        self._ordered: dict[str, float | None] = {}
        self._restarts: dict[str, int] = {}
        self._seen: set[str] = set()
        self._serving: frozenset[str] = frozenset()
        self._decisions = Decisions()
        self._told_of: set[tuple[str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def ordered(self, deployment: str, at: float | None) -> None:
        """Pods that come from now on were ordered at `at` (monotonic); None: nobody is to learn from them."""
        self._ordered[deployment] = at

    def hear(self, heard: Listed | Changed, view: View) -> None:
        """Take a change in; `view` has it already."""
        if heard.kind.name == "Pod":
            for pod in heard.objects if isinstance(heard, Listed) else (heard.object,):
                gone = isinstance(heard, Changed) and heard.gone
                self._pod(pod, heard.received_s, gone=gone)
        elif heard.kind.name == "EndpointSlice":
            self._rotation(serving(view.all("EndpointSlice")), heard.received_s)
        elif heard.kind.name == "HorizontalPodAutoscaler" and isinstance(heard, Changed) and not heard.gone:
            self._decision(heard.object)
        elif heard.kind.name == "Event" and isinstance(heard, Changed) and not heard.gone:
            self._told(heard.object)

    def oldest(self, view: View, count: int) -> list[str]:
        """Names of the ready pods that were made first."""
        ready = [pod["metadata"] for pod in view.all("Pod") if is_ready(pod)]
        return [meta["name"] for meta in sorted(ready, key=lambda m: (m["creationTimestamp"], m["name"]))[:count]]

    def unscheduled(self, view: View) -> str:
        """Why pods found no place, in Kubernetes' words."""
        words = {
            f"{pod['metadata']['name']}: {condition.get('message', '')}"
            for pod in view.all("Pod")
            for condition in pod["status"].get("conditions", ())
            if condition["type"] == "PodScheduled" and condition["status"] == "False"
        }
        return "; ".join(sorted(words))

    def set_slowdown(self, pod: str, view: View, factor: float, duration_s: float) -> None:
        """EnvironmentFailedError when the pod does not take it, as pods do that are no stand-ins."""
        found = next(item for item in view.all("Pod") if item["metadata"]["name"] == pod)
        port = probed_port(Probe(port=None), found)
        path = f"/api/v1/namespaces/{self._namespace}/pods/{pod}:{port}/proxy/_matchday/slow"
        try:
            self._api.send("POST", path, {"factor": factor, "duration": duration_s})
        except json.JSONDecodeError:
            return  # the stand-in answers with a word
        except (ApiError, ApiUnavailableError) as error:
            raise EnvironmentFailedError(f"pod {pod} cannot be slowed: {error}") from error

    def _pod(self, pod: Json, heard: float, *, gone: bool) -> None:
        name = pod["metadata"]["name"]
        owner = self._owner(pod)
        if name not in self._seen and owner is not None:
            self._seen.add(name)
            ordered = self._ordered.get(owner)
            if ordered is not None:
                probe = self._deployments[owner].readiness or Probe(path=None)
                self.starts[name] = Start(ordered, probe)
        start, written = self.starts.get(name), started_at(pod)
        if start is not None and written is not None and start.started is None:
            start.hear_started(written, heard)
            if self.ask_finely:
                self._spawn(ask_until_ready(self._api, self._namespace, name, probed_port(start.probe, pod), start))
        if start is not None and start.ready is None and is_ready(pod):
            start.ready = heard
        self._died(pod, gone=gone)

    def _rotation(self, now: frozenset[str], heard: float) -> None:
        for name in sorted(now - self._serving):
            start = self.starts.get(name)
            if start is not None and start.in_rotation is None:
                start.in_rotation = heard
            self._event("pod", f"{name} in rotation", pod=name)
        for name in sorted(self._serving - now):
            self._event("pod", f"{name} out of rotation", pod=name)
        self._serving = now

    def _died(self, pod: Mapping[str, Any], *, gone: bool) -> None:
        name = pod["metadata"]["name"]
        restarts = sum(s.get("restartCount", 0) for s in pod["status"].get("containerStatuses", ()))
        if restarts > self._restarts.get(name, 0) and not gone:
            self._event("pod", f"{name} died and was started again", pod=name)
            self.deaths.append(f"pod {name} died and was started again")
        self._restarts[name] = restarts

    def _decision(self, hpa: Mapping[str, Any]) -> None:
        said = self._decisions.news(hpa)
        if said is not None:
            self._event(
                "hpa",
                f"{said.deployment}: {said.current} -> {said.desired}",
                deployment=said.deployment,
                current=said.current,
                desired=said.desired,
                reasons=list(said.reasons),
                error=said.error,
            )

    def _told(self, event: Mapping[str, Any]) -> None:
        about, reason = event.get("involvedObject", {}), event.get("reason")
        key = (str(about.get("name")), str(reason))
        if reason in _EVERYDAY or key in self._told_of:
            return
        if event.get("type") == "Warning" or about.get("kind") in {"HorizontalPodAutoscaler", "Ingress"}:
            if event.get("type") == "Warning":
                self._told_of.add(key)
            what = f"{about.get('kind')} {about.get('name')}: {reason}: {event.get('message')}"
            self._event("kubernetes", what)

    def _owner(self, pod: Mapping[str, Any]) -> str | None:
        """The Deployment whose selector takes the pod."""
        labels = pod["metadata"].get("labels", {})
        for name, deployment in self._deployments.items():
            if deployment.selector.items() <= labels.items():
                return name
        return None

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

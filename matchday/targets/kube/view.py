"""The namespace's objects as the API server last told of them, and what can be read off them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from balancer.kube.api import Json
from balancer.kube.watch import Changed, Kind, Listed

# A container in one of these will not start, however long one waits. Source: Kubernetes, kubelet/images and kuberuntime.
_HOPELESS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError"}
)
_CRASHES = 3


def kinds(namespace: str) -> tuple[Kind, ...]:
    """What is watched."""
    core, apps = f"/api/v1/namespaces/{namespace}", f"/apis/apps/v1/namespaces/{namespace}"
    return (
        Kind("Pod", "v1", f"{core}/pods"),
        Kind("Event", "v1", f"{core}/events"),
        Kind("Deployment", "apps/v1", f"{apps}/deployments"),
        Kind(
            "EndpointSlice", "discovery.k8s.io/v1", f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        ),
        Kind(
            "HorizontalPodAutoscaler",
            "autoscaling/v2",
            f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers",
        ),
    )


class View:
    """Objects by kind and name."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[str, Json]] = {}

    def hear(self, change: Listed | Changed) -> None:
        """Take a change in."""
        if isinstance(change, Listed):
            self._objects[change.kind.name] = {o["metadata"]["name"]: o for o in change.objects}
        elif change.gone:
            self._objects.get(change.kind.name, {}).pop(change.object["metadata"]["name"], None)
        else:
            self._objects.setdefault(change.kind.name, {})[change.object["metadata"]["name"]] = change.object

    def all(self, kind: str) -> list[Json]:
        """The objects of a kind."""
        return list(self._objects.get(kind, {}).values())

    def counts(self) -> tuple[int, int, int]:
        """Pods desired, ready and in rotation, summed over Deployments."""
        desired = sum(int(d["spec"].get("replicas", 1)) for d in self.all("Deployment"))
        ready = sum(is_ready(pod) for pod in self.all("Pod"))
        return desired, ready, len(serving(self.all("EndpointSlice")))

    def troubles(self) -> Iterator[str]:
        """Why pods will never serve, a line each."""
        for pod in self.all("Pod"):
            for status in pod["status"].get("containerStatuses", ()):
                trouble = hopeless(status)
                if trouble is not None:
                    yield f"pod {pod['metadata']['name']}: image {status['image']}: {trouble}"


def hopeless(status: Mapping[str, Any]) -> str | None:
    """Why a container will never run; None while there is hope."""
    waiting = status["state"].get("waiting", {})
    reason, message = waiting.get("reason", ""), str(waiting.get("message", "")).replace("\n", " ")[:200]
    if reason in _HOPELESS:
        return f"{reason}: {message}"
    if reason == "CrashLoopBackOff" and status.get("restartCount", 0) >= _CRASHES:
        last = status.get("lastState", {}).get("terminated", {})
        return f"{reason}: it ended {status['restartCount']} times, at last with exit code {last.get('exitCode')}"
    return None


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Ready, and not on its way out."""
    conditions = pod["status"].get("conditions", ())
    return "deletionTimestamp" not in pod["metadata"] and any(
        condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions
    )


def serving(slices: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Names of the pods that EndpointSlices say are ready."""
    return frozenset(
        endpoint["targetRef"]["name"]
        for found in slices
        for endpoint in found.get("endpoints") or ()
        if endpoint.get("conditions", {}).get("ready") and "targetRef" in endpoint
    )


def started_at(pod: Mapping[str, Any]) -> str | None:
    """When the last of its containers started, as Kubernetes writes it, in whole seconds; None before."""
    statuses = pod["status"].get("containerStatuses", ())
    times = [status["state"].get("running", {}).get("startedAt") for status in statuses]
    return max(times) if times and all(times) else None

"""The cluster's own clocks: how often its autoscaler and its metrics look, and how many proxies share the load."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from balancer.kube.api import ApiError, Json, ReadsAndWrites
from matchday.errors import EnvironmentFailedError
from matchday.targets.kube.reach import CONTROLLER, CONTROLLER_NAMESPACE
from scenarios.load import LoadedScenario

# Source: Kubernetes, kube-controller-manager, --horizontal-pod-autoscaler-sync-period.
_HPA_SYNC_S = 15.0
# Source: metrics-server, components.yaml of its releases, --metric-resolution.
_METRICS_S = 15.0
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:(\d+)ms)?")


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds; `said` tells where each figure comes from."""

    hpa_sync_s: float
    metrics_resolution_s: float
    proxies: int
    said: str

    def applied(self, loaded: LoadedScenario) -> LoadedScenario:
        """The scenario with this cluster's timing in place of the declared one."""
        cluster = loaded.scenario.cluster.model_copy(
            update={
                "hpa_sync": self.hpa_sync_s,
                "metrics_resolution": self.metrics_resolution_s,
                "proxies": self.proxies,
                "start_delay": 0.0,
            }
        )
        # the generator's many connections are spread over the proxies, whichever client they stand for
        traffic = loaded.scenario.traffic.model_copy(update={"keep_alive": self.proxies == 1})
        both = {"cluster": cluster, "traffic": traffic}
        return dataclasses.replace(loaded, scenario=loaded.scenario.model_copy(update=both))


def with_window(loaded: LoadedScenario, window_s: float) -> LoadedScenario:
    """The scenario with CPU averaged over about so long, a whole part of the autoscaler's period.

    Thus the model's figures are fresh at each of its syncs; their true age is in the calibration's decision lags.
    """
    sync_s = loaded.scenario.cluster.hpa_sync
    part_s = sync_s / max(1, round(sync_s / window_s))
    cluster = loaded.scenario.cluster.model_copy(update={"metrics_resolution": part_s})
    return dataclasses.replace(loaded, scenario=loaded.scenario.model_copy(update={"cluster": cluster}))


def read_timing(api: ReadsAndWrites) -> Timing:
    """Ask the cluster; what it does not say is Kubernetes' default. ApiUnavailableError."""
    system = "/api/v1/namespaces/kube-system/pods"
    managers = _items(api, system, "component=kube-controller-manager")
    metrics = [
        *_items(api, system, "k8s-app=metrics-server"),
        *_items(api, system, "app.kubernetes.io/name=metrics-server"),
    ]
    proxies = _items(api, f"/api/v1/namespaces/{CONTROLLER_NAMESPACE}/pods", f"app.kubernetes.io/name={CONTROLLER}")
    return timing_of(managers, metrics, proxies)


def refuse_without_metrics(api: ReadsAndWrites, loaded: LoadedScenario) -> None:
    """EnvironmentFailedError when an HPA of the scenario scales on CPU and the cluster does not measure it."""
    if not any(metric.kind == "Resource" for hpa in loaded.manifests.autoscalers for metric in hpa.spec.metrics):
        return
    try:
        api.get("/apis/metrics.k8s.io/v1beta1/nodes")
    except ApiError as error:
        if error.status == 403:  # not ours to ask
            return
        raise EnvironmentFailedError(
            f"the cluster serves no CPU of pods, on which an HPA of {loaded.scenario.name} scales ({error}); "
            "`matchday up` installs metrics-server"
        ) from error


def timing_of(managers: Iterable[Json], metrics: Iterable[Json], proxies: Iterable[Json]) -> Timing:
    """From the pods of controller manager, metrics-server and controller."""
    sync_s = _option(managers, "--horizontal-pod-autoscaler-sync-period")
    resolution_s = _option(metrics, "--metric-resolution")
    ready = sum(_is_ready(pod) for pod in proxies)
    said = (
        f"autoscaler every {sync_s or _HPA_SYNC_S:g} s ({'as its command says' if sync_s else 'the default'}), metrics "
        f"every {resolution_s or _METRICS_S:g} s ({'as its command says' if resolution_s else 'the default'}), "
        f"{ready} proxies; the scenario's cluster section is not used"
    )
    return Timing(sync_s or _HPA_SYNC_S, resolution_s or _METRICS_S, max(1, ready), said)


def _items(api: ReadsAndWrites, path: str, labels: str) -> list[Json]:
    try:
        return list(api.get(path, labelSelector=labels)["items"])
    except ApiError as error:
        if error.status == 403:  # not ours to see: defaults hold
            return []
        raise


def _option(pods: Iterable[Mapping[str, Any]], name: str) -> float | None:
    for pod in pods:
        for container in pod["spec"]["containers"]:
            for word in _words(container):
                if word.startswith(f"{name}="):
                    return seconds(word.partition("=")[2])
    return None


def _words(container: Mapping[str, Any]) -> Iterator[str]:
    yield from container.get("command") or ()
    yield from container.get("args") or ()


def seconds(duration: str) -> float | None:
    """Go's way to write a duration, such as 1m30s; None when it is not."""
    found = _DURATION.fullmatch(duration)
    if found is None or not any(found.groups()):
        return None
    hours, minutes, whole, milli = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + whole + milli / 1000


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

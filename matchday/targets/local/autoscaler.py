"""metrics-server and the HPA's sync loop on the local target; the decision itself is `balancer.policy.hpa`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from balancer.policy.hpa import HpaSpec, Memory, PodSample, Sample
from balancer.policy.hpa_decide import decide
from balancer.policy.objects import Deployment
from balancer.policy.podview import SYNC_OFFSET_S, Reading, Readings, next_readings, pod_sample
from matchday.targets.local.pod import Pod
from matchday.targets.local.procfs import cpu_s_by_session
from matchday.targets.local.replicaset import ReplicaSet
from scenarios.schema import Cluster


class Metrics:
    """The last two CPU readings of every pod, as metrics-server keeps them; and what all pods used in total."""

    def __init__(self) -> None:
        self.pods_cpu_s = 0.0
        self._readings: dict[int, Readings] = {}

    def scrape(self, pods: list[Pod]) -> None:
        """Read every live pod; a pod that is gone is forgotten."""
        used = cpu_s_by_session()
        now = time.monotonic()
        fresh: dict[int, Readings] = {}
        for pod in pods:
            if pod.child is not None and pod.child.pid in used:
                before = self._readings.get(pod.child.pid)
                reading = Reading(now, used[pod.child.pid])
                self.pods_cpu_s += reading.cpu_s - (before.last.cpu_s if before else 0.0)
                fresh[pod.child.pid] = next_readings(before, reading)
        self._readings = fresh

    def sample(self, pod: Pod, deployment: Deployment) -> PodSample:
        """The pod as the HPA sees it now."""
        return pod_sample(
            pod.name,
            started_s=pod.started,
            ready_since_s=pod.ready_since,
            deleting=pod.deleting,
            cpu_request_milli=deployment.cpu_request_milli,
            readings=self._readings.get(pod.child.pid) if pod.child else None,
        )


class Autoscaler:
    """One HPA: syncs on the schedule's grid and scales its Deployment's pods."""

    def __init__(
        self, spec: HpaSpec, deployment: Deployment, pods: ReplicaSet, metrics: Metrics, event: Callable[..., None]
    ) -> None:
        self.spec, self.deployment, self.pods, self.metrics = spec, deployment, pods, metrics
        self.scale_ups: list[float] = []
        self._memory = Memory()
        self._event = event

    def sync(self, due: float) -> None:
        """Decide on what the last scrape saw, and act on it. `due` is the sync's planned moment (monotonic)."""
        current = self.pods.desired
        sample = Sample(
            spec_replicas=current,
            status_replicas=len(self.pods.active),
            pods=tuple(self.metrics.sample(pod, self.deployment) for pod in self.pods.pods),
        )
        decision = decide(self.spec, self._memory, sample, due)
        self._memory = decision.memory
        self._event(
            "hpa",
            f"{self.deployment.name}: {current} -> {decision.desired}",
            deployment=self.deployment.name,
            current=current,
            desired=decision.desired,
            reasons=list(decision.reasons),
            error=decision.error,
            usage_milli={pod.name: pod.cpu_usage_milli for pod in sample.pods},
        )
        if decision.desired != current:
            self.pods.scale(decision.desired, due=due)


async def run_control_loops(
    autoscalers: list[Autoscaler], metrics: Metrics, all_pods: Callable[[], list[Pod]], cluster: Cluster, epoch: float
) -> None:
    """Scrape at epoch + k * metrics_resolution, sync at epoch + k * hpa_sync + SYNC_OFFSET_S, until cancelled."""
    scrapes, syncs = 0, 1
    while True:
        next_scrape = epoch + scrapes * cluster.metrics_resolution
        next_sync = epoch + syncs * cluster.hpa_sync + SYNC_OFFSET_S
        await asyncio.sleep(max(0.0, min(next_scrape, next_sync) - time.monotonic()))
        if next_scrape <= next_sync:
            metrics.scrape(all_pods())
            scrapes += 1
        else:
            for autoscaler in autoscalers:
                autoscaler.sync(next_sync)
            syncs += 1

"""metrics-server as the HPA sees it: the CPU of a pod between the last two scrapes."""

from __future__ import annotations

from collections.abc import Iterable

from balancer.policy.hpa import PodSample
from balancer.policy.podview import Reading, Readings, next_readings, pod_sample
from sim.controlplane.replica import Replica


class Metrics:
    """The last two readings of every pod that runs; a new pod has no usage until its second."""

    def __init__(self) -> None:
        self._readings: dict[str, Readings] = {}

    def scrape(self, replicas: Iterable[Replica], now_s: float) -> None:
        """Read every running pod; one that is gone is forgotten."""
        self._readings = {
            replica.name: next_readings(self._readings.get(replica.name), Reading(now_s, replica.pod.cpu_used_s()))
            for replica in replicas
            if replica.pod is not None and replica.pod.alive
        }

    def sample(self, replica: Replica, cpu_request_milli: int | None) -> PodSample:
        """The pod as the HPA sees it now."""
        return pod_sample(
            replica.name,
            started_s=replica.started_s,
            ready_since_s=replica.ready_since_s,
            deleting=replica.deleting,
            cpu_request_milli=cpu_request_milli,
            readings=self._readings.get(replica.name),
        )

"""metrics-server as the HPA sees it: the CPU of a pod between the last two scrapes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from balancer.policy.hpa import PodSample
from sim.controlplane.replica import Replica

# The HPA syncs this long after its grid, so that a scrape due at the same moment has been taken.
# The local target uses the same figure.
SYNC_OFFSET_S = 0.2


@dataclass(frozen=True)
class Reading:
    """CPU seconds a pod had used in all at `at_s`."""

    at_s: float
    cpu_s: float


class Metrics:
    """The last two readings of every pod that runs; a new pod has no usage until its second."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[Reading | None, Reading]] = {}

    def scrape(self, replicas: Iterable[Replica], now_s: float) -> None:
        """Read every running pod; one that is gone is forgotten."""
        fresh: dict[str, tuple[Reading | None, Reading]] = {}
        for replica in replicas:
            if replica.pod is not None and replica.pod.alive:
                before = self._last.get(replica.name)
                fresh[replica.name] = (before[1] if before else None, Reading(now_s, replica.pod.cpu_used_s()))
        self._last = fresh

    def sample(self, replica: Replica, cpu_request_milli: int | None) -> PodSample:
        """The pod as the HPA sees it now."""
        first, last = self._last.get(replica.name, (None, None))
        usage = window_s = None
        if first is not None and last is not None:
            window_s = last.at_s - first.at_s
            usage = round(1000 * (last.cpu_s - first.cpu_s) / window_s)
        return PodSample(
            name=replica.name,
            phase="Pending" if replica.started_s is None else "Running",
            deleting=replica.deleting,
            ready=replica.ready_since_s is not None,
            ready_since_s=replica.ready_since_s if replica.ready_since_s is not None else replica.started_s,
            started_s=replica.started_s,
            cpu_request_milli=cpu_request_milli,
            cpu_usage_milli=usage,
            sample_at_s=last.at_s if usage is not None and last is not None else None,
            window_s=window_s or 0.0,
        )

"""metrics-server and a metrics adapter as the HPA sees them: what the last two scrapes say.

Of its own Deployment an HPA can have, beside the CPU, `matchday_requests_per_second` (that reach the proxies;
for metrics of type Pods, that the pod accepted), `matchday_queue_length` (waiting in the proxies; not per pod) and
`matchday_in_flight` (in pods). Nobody else's metrics exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from balancer.policy.hpa import PodSample, Sample
from balancer.policy.podview import Reading, Readings, next_readings, pod_sample
from sim.controlplane.deployment import ReplicaSet
from sim.controlplane.replica import Replica
from sim.plane import Plane


@dataclass(frozen=True)
class Count:
    """What a scrape at `at_s` found: requests so far, requests held, requests waiting (None: cannot be known)."""

    at_s: float
    requests: int
    in_flight: int
    queued: int | None = None

    def values(self, before: Count | None) -> dict[str, int]:
        """Metrics in milli-units; a rate needs the scrape before."""
        values = {"matchday_in_flight": 1000 * self.in_flight}
        if self.queued is not None:
            values["matchday_queue_length"] = 1000 * self.queued
        if before is not None:
            rate_rps = (self.requests - before.requests) / (self.at_s - before.at_s)
            values["matchday_requests_per_second"] = round(1000 * rate_rps)
        return values


@dataclass(frozen=True)
class _Seen:
    """A pod in the last scrape that found it."""

    readings: Readings
    count: Count
    before: Count | None


class Metrics:
    """The last two readings of everything that can be scraped; what one scrape misses is forgotten."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._pods: dict[str, _Seen] = {}
        self._deployments: dict[str, tuple[Count, Count | None]] = {}
        self._outages = 0

    def begin_outage(self) -> None:
        """Nothing can be scraped or asked for."""
        self._outages += 1

    def end_outage(self) -> None:
        """One outage is over."""
        self._outages -= 1

    def scrape(self, sets: Sequence[ReplicaSet], now_s: float) -> None:
        """Read these Deployments and every pod of theirs that runs and can be reached."""
        pods, deployments = {}, {}
        for replica_set in () if self._outages else sets:
            in_flight = 0
            for replica in replica_set.replicas:
                if replica.alive and replica.reachable:
                    pods[replica.name] = self._read(replica, now_s)
                    in_flight += pods[replica.name].count.in_flight
            name = replica_set.deployment.name
            count = Count(now_s, self._plane.arrived(name), in_flight, self._plane.queued(name))
            deployments[name] = (count, self._deployments.get(name, (None,))[0])
        self._pods, self._deployments = pods, deployments

    def sample(self, replica_set: ReplicaSet) -> Sample:
        """What an HPA of this Deployment reads now."""
        name = replica_set.deployment.name
        seen = None if self._outages else self._deployments.get(name)
        values = seen[0].values(seen[1]) if seen else {}
        return Sample(
            spec_replicas=replica_set.desired,
            status_replicas=len(replica_set.active),
            pods=tuple(self._pod(replica) for replica in replica_set.replicas),
            external=values,
            object=values,
        )

    def _read(self, replica: Replica, now_s: float) -> _Seen:
        pod, before = replica.pod, self._pods.get(replica.name)
        assert pod is not None
        readings = next_readings(before.readings if before else None, Reading(now_s, pod.cpu_used_s()))
        return _Seen(readings, Count(now_s, pod.accepted, pod.in_flight), before.count if before else None)

    def _pod(self, replica: Replica) -> PodSample:
        seen = None if self._outages else self._pods.get(replica.name)
        values: Mapping[str, int] = seen.count.values(seen.before) if seen else {}
        sample = pod_sample(
            replica.name,
            started_s=replica.started_s,
            ready_since_s=replica.ready_since_s,
            deleting=replica.deleting,
            cpu_request_milli=replica.owner.cpu_request_milli,
            readings=seen.readings if seen else None,
        )
        since_s = sample.ready_since_s if replica.unready_since_s is None else replica.unready_since_s
        return replace(sample, metrics=values, ready_since_s=since_s)

"""metrics-server and a metrics adapter as the HPA sees them: what the last two scrapes say.

Of its own Deployment an HPA can have, beside the CPU, `matchday_requests_per_second` (that reach the proxies;
for metrics of type Pods, that the pod accepted), `matchday_queue_length` (waiting in the proxies; not per pod) and
`matchday_in_flight` (in pods). Nobody else's metrics exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from balancer.policy.hpa import Metric, PodSample, Sample
from balancer.policy.podview import Reading, Readings, next_readings, pod_sample
from sim.controlplane.deployment import ReplicaSet
from sim.controlplane.replica import Replica
from sim.plane import Plane

REQUESTS, QUEUE, IN_FLIGHT = "matchday_requests_per_second", "matchday_queue_length", "matchday_in_flight"
_NOTHING: Mapping[str, int] = {}


@dataclass(frozen=True)
class Count:
    """What a scrape at `at_s` found: requests so far, requests held, requests waiting (None: cannot be known)."""

    at_s: float
    requests: int
    in_flight: int
    queued: int | None = None

    def values(self, before: Count | None) -> dict[str, int]:
        """Metrics in milli-units; a rate needs the scrape before."""
        values = {IN_FLIGHT: 1000 * self.in_flight}
        if self.queued is not None:
            values[QUEUE] = 1000 * self.queued
        if before is not None:
            rate_rps = (self.requests - before.requests) / (self.at_s - before.at_s)
            values[REQUESTS] = round(1000 * rate_rps)
        return values


Counts = tuple[Count, Count | None]
"""What the last scrape found, and the one before."""


class Metrics:
    """The last two readings of everything that can be scraped; what one scrape misses is forgotten.

    What none of the metrics `asked` needs is not read at all.
    """

    def __init__(self, plane: Plane, asked: Iterable[Metric]) -> None:
        self._plane = plane
        names = {metric.name for metric in asked}
        self._reads_cpu, self._counts = "cpu" in names, bool(names & {REQUESTS, QUEUE, IN_FLIGHT})
        self._cpu: dict[str, Readings] = {}
        self._pods: dict[str, Counts] = {}
        self._deployments: dict[str, Counts] = {}
        self._outages = 0

    def begin_outage(self) -> None:
        """Nothing can be scraped or asked for."""
        self._outages += 1

    def end_outage(self) -> None:
        """One outage is over."""
        self._outages -= 1

    def scrape(self, sets: Sequence[ReplicaSet], now_s: float) -> None:
        """Read these Deployments and every pod of theirs that runs and can be reached."""
        if self._outages:
            self._cpu, self._pods, self._deployments = {}, {}, {}
            return
        running = [[r for r in each.replicas if r.alive and r.reachable] for each in sets]
        if self._reads_cpu:
            self._cpu = {replica.name: self._next_readings(replica, now_s) for pods in running for replica in pods}
        if self._counts:
            last, self._pods = self._pods, {}
            for pods in running:
                self._pods |= {replica.name: self._count(replica, last, now_s) for replica in pods}
            self._deployments = {
                each.deployment.name: self._count_all(each.deployment.name, pods, now_s)
                for each, pods in zip(sets, running, strict=True)
            }

    def sample(self, replica_set: ReplicaSet) -> Sample:
        """What an HPA of this Deployment reads now."""
        values = self._values(self._deployments.get(replica_set.deployment.name))
        return Sample(
            spec_replicas=replica_set.desired,
            status_replicas=len(replica_set.active),
            pods=tuple(self._pod(replica) for replica in replica_set.replicas),
            external=values,
            object=values,
        )

    def _next_readings(self, replica: Replica, now_s: float) -> Readings:
        assert replica.pod is not None
        return next_readings(self._cpu.get(replica.name), Reading(now_s, replica.pod.cpu_used_s()))

    def _count(self, replica: Replica, last: Mapping[str, Counts], now_s: float) -> Counts:
        assert replica.pod is not None
        count = Count(now_s, replica.pod.accepted, replica.pod.in_flight)
        return count, last[replica.name][0] if replica.name in last else None

    def _count_all(self, name: str, pods: Sequence[Replica], now_s: float) -> Counts:
        in_flight = sum(self._pods[replica.name][0].in_flight for replica in pods)
        count = Count(now_s, self._plane.arrived(name), in_flight, self._plane.queued(name))
        return count, self._deployments[name][0] if name in self._deployments else None

    def _values(self, counts: Counts | None) -> Mapping[str, int]:
        return _NOTHING if counts is None or self._outages else counts[0].values(counts[1])

    def _pod(self, replica: Replica) -> PodSample:
        sample = pod_sample(
            replica.name,
            started_s=replica.started_s,
            ready_since_s=replica.ready_since_s,
            deleting=replica.deleting,
            cpu_request_milli=replica.owner.cpu_request_milli,
            readings=None if self._outages else self._cpu.get(replica.name),
        )
        if self._counts:
            sample = replace(sample, metrics=self._values(self._pods.get(replica.name)))
        if replica.unready_since_s is not None:
            sample = replace(sample, ready_since_s=replica.unready_since_s)
        return sample

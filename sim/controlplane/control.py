"""The control plane of one replication, put together: Deployments, autoscalers, scrapes, disturbances."""

from __future__ import annotations

from collections.abc import Callable

from scenarios.schema import Scenario
from sim.clock import Clock
from sim.cluster import Cluster
from sim.controlplane.autoscaler import Autoscaler, scrape_loop, sync_loop
from sim.controlplane.deployment import Lags, ReplicaSet
from sim.controlplane.disturbances import disturb
from sim.controlplane.metrics import Metrics
from sim.plane import Plane
from sim.streams import Sequence, Streams
from sim.workload import Behaviour

Note = Callable[[float, int, int, int], None]
"""Told (now_s, desired, ready, in rotation), summed over Deployments, whenever a count may have changed."""


def start(
    clock: Clock,
    scenario: Scenario,
    cluster: Cluster,
    plane: Plane,
    behaviour: Behaviour,
    streams: Streams,
    note: Note,
) -> None:
    """Bring the pods of time zero into rotation, and let everything else happen in its time."""
    sets: list[ReplicaSet] = []

    def changed() -> None:
        replicas = [replica for replica_set in sets for replica in replica_set.replicas]
        desired = sum(replica_set.desired for replica_set in sets)
        note(clock.now, desired, sum(r.ready for r in replicas), sum(r.in_rotation for r in replicas))

    for part, deployment in enumerate(cluster.deployments):
        sets.append(ReplicaSet(clock, deployment, plane, _lags(scenario, behaviour, streams, part), changed))
    for replica_set in sets:
        replica_set.begin(cluster.replicas[replica_set.deployment.name])
    metrics = Metrics()
    by_name = {replica_set.deployment.name: replica_set for replica_set in sets}
    autoscalers = [Autoscaler(spec, by_name[name], metrics) for name, spec in cluster.autoscalers]
    clock.process(scrape_loop(clock, metrics, sets, scenario.cluster.metrics_resolution))
    if autoscalers:
        clock.process(sync_loop(clock, autoscalers, scenario.cluster.hpa_sync))
    clock.process(disturb(clock, scenario.disturbances, sets))


def _lags(scenario: Scenario, behaviour: Behaviour, streams: Streams, part: int) -> Lags:
    return Lags(
        start_delay_s=scenario.cluster.start_delay,
        decision=Sequence(streams.generator("decision", part), behaviour.decision),
        startup=Sequence(streams.generator("start-up", part), behaviour.startup),
        rotation=Sequence(streams.generator("rotation", part), behaviour.rotation),
    )

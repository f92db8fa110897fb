"""The control plane of one replication, put together: Deployments, autoscalers, nodes, health checks, disturbances."""

from __future__ import annotations

from scenarios.schema import Scenario
from sim.clock import Clock
from sim.cluster import Cluster
from sim.controlplane.autoscaler import Autoscaler, scrape_loop, sync_loop
from sim.controlplane.census import Census, Note
from sim.controlplane.checks import Checks, check_plans
from sim.controlplane.deployment import ReplicaSet
from sim.controlplane.disturbances import Troublemaker
from sim.controlplane.gate import Gate
from sim.controlplane.kubelet import Kubelet, Lags
from sim.controlplane.metrics import Metrics
from sim.controlplane.node_autoscaler import NodeAutoscaler
from sim.controlplane.rotation import Rotation
from sim.controlplane.scheduler import Scheduler, machines
from sim.controlplane.zone import ZoneOutage
from sim.plane import Plane
from sim.streams import Sequence, Streams
from sim.workload import Behaviour


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
    api, nodes = Gate(), scenario.cluster.nodes
    zones, first_nodes = machines(nodes)
    scheduler = Scheduler(api, first_nodes)
    checks = Checks(clock, plane, check_plans(cluster, streams))
    census = Census(clock, note)
    sets: list[ReplicaSet] = []
    for part, deployment in enumerate(cluster.deployments):
        lags = _lags(scenario, behaviour, streams, part)
        kubelet = Kubelet(clock, api, plane, deployment, lags, scenario.workload.cold)
        rotation = Rotation(clock, api, plane, checks, census, lags.rotation)
        sets.append(ReplicaSet(clock, deployment, api, scheduler, kubelet, rotation, checks, census))
    for replica_set in sets:
        replica_set.begin(cluster.replicas[replica_set.deployment.name])

    metrics = Metrics(plane, [metric for _, spec in cluster.autoscalers for metric in spec.metrics])
    zone = ZoneOutage(clock, api, scheduler, checks, zones[0], sets)
    Troublemaker(clock, plane, sets, api=api, metrics=metrics, zone=zone).plan(scenario.disturbances)
    by_name = {replica_set.deployment.name: replica_set for replica_set in sets}
    autoscalers = [Autoscaler(spec, by_name[name], metrics) for name, spec in cluster.autoscalers]
    if autoscalers:
        scaled = [autoscaler.replica_set for autoscaler in autoscalers]
        clock.process(scrape_loop(clock, metrics, scaled, scenario.cluster.metrics_resolution))
        clock.process(sync_loop(clock, api, autoscalers, scenario.cluster.hpa_sync))
    if nodes is not None and (nodes.max or nodes.count) > nodes.count:
        clock.process(NodeAutoscaler(clock, api, scheduler, zones, nodes, streams).loop())


def _lags(scenario: Scenario, behaviour: Behaviour, streams: Streams, part: int) -> Lags:
    return Lags(
        start_delay_s=scenario.cluster.start_delay,
        decision=Sequence(streams.generator("decision", part), behaviour.decision),
        startup=Sequence(streams.generator("start-up", part), behaviour.startup),
        rotation=Sequence(streams.generator("rotation", part), behaviour.rotation),
    )

"""One replication of a scenario in plain SimPy: readable first, the oracle of any faster kernel.

Every request is a process (`sim.clients`), goes through routes and refusals (`sim.proxy`), picks, slots and
queues (`sim.backend`), is served by a pod (`sim.pod`), while the control plane (`sim.controlplane`) brings
pods in and out. All chance is drawn beforehand (`sim.weather`) or belongs to a pod's ordinal.
"""

from __future__ import annotations

from balancer.policy.objects import Deployment
from scenarios.schema import Scenario
from scenarios.traffic import Schedule
from sim.clients import Clients
from sim.clock import Clock
from sim.cluster import Cluster
from sim.controlplane.autoscaler import Autoscaler, scrape_loop, sync_loop
from sim.controlplane.deployment import Lags, ReplicaSet
from sim.controlplane.disturbances import disturb
from sim.controlplane.metrics import Metrics
from sim.pod import Pod, SharedCpuPod, WorkerPod
from sim.proxy import Proxy
from sim.streams import Sequence, Streams
from sim.trace import Trace
from sim.weather import Weather
from sim.workload import Behaviour


def simulate(scenario: Scenario, cluster: Cluster, schedule: Schedule, behaviour: Behaviour, streams: Streams) -> Trace:
    """Run until every request has its fate and the schedule is over."""
    env = Clock()
    n = schedule.intended_s.size
    trace = Trace(["aborted"] * n, [0.0] * n)
    proxy = Proxy(env, cluster.config, cluster.deployment_of, cluster.addresses, trace.add_wait, trace.add_service)
    sets: list[ReplicaSet] = []

    def note() -> None:
        replicas = [replica for replica_set in sets for replica in replica_set.replicas]
        desired = sum(replica_set.desired for replica_set in sets)
        trace.note_replicas(env.now, desired, sum(r.ready for r in replicas), sum(r.in_rotation for r in replicas))

    for part, deployment in enumerate(cluster.deployments):
        factory = _PodFactory(env, scenario, deployment, behaviour.idle_cores)
        lags = _lags(scenario, behaviour, streams, part)
        sets.append(ReplicaSet(env, deployment, factory.new, proxy, lags, note))
    for replica_set in sets:
        replica_set.begin(cluster.replicas[replica_set.deployment.name])
    metrics = Metrics()
    by_name = {replica_set.deployment.name: replica_set for replica_set in sets}
    autoscalers = [Autoscaler(spec, by_name[name], metrics) for name, spec in cluster.autoscalers]
    clients = Clients(env, proxy, scenario.traffic.requests, schedule, Weather(streams, schedule, behaviour), trace)
    env.process(scrape_loop(env, metrics, sets, scenario.cluster.metrics_resolution))
    env.process(sync_loop(env, autoscalers, scenario.cluster.hpa_sync))
    env.process(disturb(env, scenario.disturbances, sets))
    env.process(clients.arrivals())
    env.run(until=clients.finished & env.timeout(schedule.duration_s))
    return trace


class _PodFactory:
    """New pods of one Deployment, by the scenario's discipline."""

    def __init__(self, env: Clock, scenario: Scenario, deployment: Deployment, idle_cores: float) -> None:
        self._env, self._workload, self._idle_cores = env, scenario.workload, idle_cores
        limit_milli = deployment.cpu_limit_milli
        self._limit_cores = None if limit_milli is None else limit_milli / 1000

    def new(self, name: str) -> Pod:
        """A pod whose process starts now."""
        if self._workload.discipline == "workers":
            return WorkerPod(self._env, name, self._workload.workers, self._idle_cores)
        return SharedCpuPod(self._env, name, self._limit_cores, self._idle_cores)


def _lags(scenario: Scenario, behaviour: Behaviour, streams: Streams, part: int) -> Lags:
    return Lags(
        start_delay_s=scenario.cluster.start_delay,
        decision=Sequence(streams.generator("decision", part), behaviour.decision),
        startup=Sequence(streams.generator("start-up", part), behaviour.startup),
        rotation=Sequence(streams.generator("rotation", part), behaviour.rotation),
    )

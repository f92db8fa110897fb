"""One replication of a scenario in plain SimPy: readable first, the oracle of the compiled kernel.

Every request is a process (`sim.clients`), goes through refusals (`sim.proxy`), picks, slots and queues
(`sim.backend`), is served by a pod (`sim.pod`), while the control plane (`sim.controlplane`) brings
pods in and out. All chance belongs to things: to an attempt (`sim.weather`) or to a pod's ordinal.
"""

from __future__ import annotations

from scenarios.schema import Scenario
from scenarios.traffic import Schedule
from sim.clients import Clients
from sim.clock import Clock
from sim.cluster import Cluster
from sim.controlplane import control
from sim.kinds import kinds_of
from sim.proxy import Proxies
from sim.streams import Streams
from sim.trace import Trace
from sim.weather import Weather
from sim.workload import Behaviour


def simulate(scenario: Scenario, cluster: Cluster, schedule: Schedule, behaviour: Behaviour, streams: Streams) -> Trace:
    """Run until every request has its fate and the schedule is over."""
    clock, trace = Clock(), Trace()
    proxies = Proxies(clock, scenario, cluster, behaviour.idle_cores, trace.add_wait, trace.add_service)
    kinds = kinds_of(scenario, behaviour)
    clients = Clients(clock, proxies, scenario, kinds, schedule, Weather(streams, behaviour), trace)
    control.start(clock, scenario, cluster, proxies, behaviour, streams, trace.note_replicas)
    clients.start()
    clock.run(until=clients.finished & clock.until(schedule.duration_s))
    return trace

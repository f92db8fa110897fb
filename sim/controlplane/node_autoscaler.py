"""The node autoscaler: machines for pods that no node has room for.

A scan every 10 s adds as many nodes as the waiting pods need, with those on their way already, up to the most allowed.
A node is there after its provisioning time: log-normal around the scenario's mean, coefficient of variation 0.2 (our
assumption; no source gives one), the k-th added node taking the k-th draw. Nodes are never taken away: the cluster
autoscaler waits for ten idle minutes, and a rehearsal is over by then.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import count

import simpy

from scenarios.schema import Nodes
from sim.clock import Clock
from sim.controlplane.gate import Gate
from sim.controlplane.node import Node, Zone
from sim.controlplane.scheduler import Scheduler
from sim.streams import Sequence as Draws
from sim.streams import Streams
from sim.workload import constant, lognormal

# Source: cluster-autoscaler, --scan-interval.
SCAN_PERIOD_S = 10.0
PROVISION_CV = 0.2


class NodeAutoscaler:
    """Adds nodes, each in the next zone that can be reached."""

    def __init__(
        self, clock: Clock, api: Gate, scheduler: Scheduler, zones: Sequence[Zone], nodes: Nodes, streams: Streams
    ) -> None:
        self._clock, self._api, self._scheduler, self._zones = clock, api, scheduler, zones
        self._cpu_milli = round(1000 * nodes.cpu)
        self._first, self._most = nodes.count, nodes.max or nodes.count
        provision = lognormal(nodes.provision, PROVISION_CV) if nodes.provision else constant(0.0)
        self._provision_s = Draws(streams.generator("provision"), provision)
        self._added = self._on_their_way = 0

    def loop(self) -> Generator[simpy.Event, None, None]:
        """Scan at k * SCAN_PERIOD_S, k >= 1, unless the API server is down."""
        for k in count(1):
            yield self._clock.until(k * SCAN_PERIOD_S)
            if self._api.is_open:
                self._scan()

    def _scan(self) -> None:
        requests = [replica.cpu_request_milli for replica in self._scheduler.pending]
        wanted = nodes_needed(requests, self._cpu_milli) - self._on_their_way
        for _ in range(min(wanted, self._most - self._first - self._added)):
            self._add()

    def _add(self) -> None:
        number = self._first + self._added
        turns = [self._zones[(number + turn) % len(self._zones)] for turn in range(len(self._zones))]
        node = Node(number, next((zone for zone in turns if zone.takes_pods), turns[0]), self._cpu_milli)
        due_s = self._clock.now + self._provision_s[self._added]
        self._added += 1
        self._on_their_way += 1
        self._clock.at(due_s, lambda: node.zone.link.send(lambda: self._api.send(lambda: self._join(node))))

    def _join(self, node: Node) -> None:
        self._on_their_way -= 1
        self._scheduler.join(node)


def nodes_needed(requests_milli: Sequence[int], cpu_milli: int) -> int:
    """Empty nodes that take these pods, first fit in their order; pods larger than a node are left out."""
    rooms: list[int] = []
    for request in requests_milli:
        if request > cpu_milli:
            continue
        fitting = next((n for n, room in enumerate(rooms) if room >= request), None)
        if fitting is None:
            rooms.append(cpu_milli - request)
        else:
            rooms[fitting] -= request
    return len(rooms)

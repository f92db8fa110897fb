"""Which node a pod runs on: spread over zones, then the emptiest node; a pod without room waits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from scenarios.schema import Nodes
from sim.controlplane.gate import Gate
from sim.controlplane.node import Node, Zone
from sim.controlplane.replica import Replica

Bound = Callable[[Replica], None]


class Scheduler:
    """All nodes, and the pods that no node has room for yet, in their order of creation."""

    def __init__(self, api: Gate, nodes: Iterable[Node]) -> None:
        self.nodes = list(nodes)
        self._api = api
        self._pending: list[tuple[Replica, Bound]] = []

    @property
    def pending(self) -> list[Replica]:
        """Pods without a node, oldest first."""
        return [replica for replica, _ in self._pending]

    def submit(self, replica: Replica, bound: Bound) -> None:
        """Find a node for a pod, now or when there is room; `bound` is called once it has one."""
        self._pending.append((replica, bound))
        self._run()

    def withdraw(self, replica: Replica) -> None:
        """Forget a pod that is still waiting."""
        self._pending = [entry for entry in self._pending if entry[0] is not replica]

    def release(self, replica: Replica) -> None:
        """The process of a pod is gone, and its CPU is free."""
        assert replica.node is not None
        replica.node.allocated_milli -= replica.cpu_request_milli
        self.look_again()

    def join(self, node: Node) -> None:
        """A new node."""
        self.nodes.append(node)
        self.look_again()

    def look_again(self) -> None:
        """There may be room now for pods that wait."""
        if self._pending:
            self._api.send(self._run)

    def _run(self) -> None:
        waiting, too_much = [], math.inf
        for replica, bound in self._pending:
            request = replica.cpu_request_milli
            node = self._choose(replica) if request < too_much else None
            if node is None:
                too_much = min(too_much, request)
                waiting.append((replica, bound))
                continue
            replica.node = node
            node.allocated_milli += request
            node.active[replica.owner.name] += 1
            bound(replica)
        self._pending = waiting

    def _choose(self, replica: Replica) -> Node | None:
        name, request = replica.owner.name, replica.cpu_request_milli
        in_zone: dict[int, int] = {}
        for node in self.nodes:
            in_zone[node.zone.number] = in_zone.get(node.zone.number, 0) + node.active[name]
        fitting = (node for node in self.nodes if node.zone.takes_pods and node.fits(request))
        return min(fitting, key=lambda n: (in_zone[n.zone.number], n.allocated_milli, n.number), default=None)


def machines(nodes: Nodes | None) -> tuple[list[Zone], list[Node]]:
    """Zones and first nodes: node n stands in zone n modulo zones; without `nodes` one machine with room for all."""
    if nodes is None:
        zone = Zone(0)
        return [zone], [Node(0, zone)]
    zones = [Zone(number) for number in range(nodes.zones)]
    return zones, [Node(n, zones[n % nodes.zones], round(1000 * nodes.cpu)) for n in range(nodes.count)]

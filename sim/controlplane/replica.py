"""A pod's life as Kubernetes sees it: created, bound to a node, started, ready, in rotation, deleting, gone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from balancer.policy.objects import Deployment, Probe
from balancer.policy.podview import deletion_rank
from sim.controlplane.node import Node
from sim.plane import PodHandle


@dataclass(eq=False)
class Replica:
    """One pod of a Deployment. Times are seconds, None until the moment has come.

    name             unique in the replication
    ordinal          the how many-th pod of its Deployment, from 0
    generation       of the Deployment's template; a rolling update replaces older ones
    answers          its kubelet has found it ready
    ready_since_s    the API server has it as ready since then
    unready_since_s  it was ready until its node was found unreachable then
    in_rotation      the proxies have it
    """

    owner: Deployment
    ordinal: int
    created_s: float
    generation: int = 0
    node: Node | None = None
    pod: PodHandle | None = None
    started_s: float | None = None
    answers: bool = False
    ready_since_s: float | None = None
    unready_since_s: float | None = None
    in_rotation: bool = False
    deleting: bool = False
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = f"{self.owner.name}-{self.ordinal + 1}"

    @property
    def cpu_request_milli(self) -> int:
        """What it takes of a node."""
        return self.owner.cpu_request_milli or 0

    @property
    def ready(self) -> bool:
        """Ready and not being deleted: what a Deployment counts."""
        return self.ready_since_s is not None and not self.deleting

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self.pod is not None and self.pod.alive

    @property
    def reachable(self) -> bool:
        """Whether anything can talk to it."""
        return self.node is not None and self.node.zone.link.is_open


def ready_at_s(probe: Probe, started_s: float, up_s: float) -> float:
    """When a pod that can answer from `up_s` on is found ready.

    Probes are sent at `started_s` + initialDelaySeconds + j * periodSeconds; the first at or after `up_s`
    succeeds, and so do all after it until successThreshold is reached.
    """
    first_s = started_s + probe.initial_delay_s
    failed = max(0, math.ceil((up_s - first_s) / probe.period_s - 1e-9))
    return first_s + (failed + probe.success_threshold - 1) * probe.period_s


def deletion_order(replicas: Sequence[Replica], now_s: float) -> list[Replica]:
    """Which pods a scale-down takes first; of those that Kubernetes has no order for the last created.

    Unscheduled before scheduled, not started before started, then not ready first, then the node with the most
    active pods of the Deployment, then the most recently ready. Source: Kubernetes, controller_utils.go,
    ActivePodsWithRanks.
    """

    def rank(replica: Replica) -> tuple[float, ...]:
        is_ready, *younger = deletion_rank(replica.ready_since_s, replica.created_s, now_s)
        node = replica.node
        crowd = 0 if node is None else node.active[replica.owner.name]
        return (node is not None, replica.started_s is not None, is_ready, -crowd, *younger, -replica.ordinal)

    return sorted(replicas, key=rank)

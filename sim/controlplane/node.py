"""Machines and the zones they stand in."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from sim.controlplane.gate import Gate


@dataclass(eq=False)
class Zone:
    """What is cut off together. `link` carries what its kubelets and the API server tell each other.

    cut_since_s        it cannot be reached since then
    not_ready_since_s  its nodes are marked NotReady since then
    """

    number: int
    link: Gate = field(default_factory=Gate)
    cut_since_s: float | None = None
    not_ready_since_s: float | None = None

    @property
    def takes_pods(self) -> bool:
        """Whether the scheduler may use its nodes."""
        return self.link.is_open and self.not_ready_since_s is None


@dataclass(eq=False)
class Node:
    """One machine. CPU in milli-cores of requests; `active` counts pods that are not being deleted, by Deployment."""

    number: int
    zone: Zone
    cpu_milli: float = math.inf
    allocated_milli: int = 0
    active: Counter[str] = field(default_factory=Counter)

    def fits(self, request_milli: int) -> bool:
        """Whether a pod of that request finds room."""
        return self.allocated_milli + request_milli <= self.cpu_milli

"""One replication on the compiled data plane: SimPy owns time and the control plane, the kernel moves every request."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from scenarios.schema import Scenario
from scenarios.traffic import Block, PhaseSpan
from sim.clock import Clock
from sim.cluster import Cluster
from sim.controlplane import control
from sim.dataplane import advance as kernel
from sim.dataplane.tables import (
    ARRIVAL,
    ARRIVALS,
    DURATION_S,
    FINISHED,
    MORE_ARRIVALS,
    NEEDS_ARRIVALS,
    NEEDS_POINTS,
    NEEDS_ROOM,
    NEXT_ARRIVAL,
    OPEN_COUNT,
    POD_IDLE,
    TRACING,
)
from sim.kernel_plane import KernelPlane
from sim.kinds import kinds_of
from sim.streams import Streams
from sim.tally import Tally, add_figures
from sim.workload import Behaviour


class Replication:
    """A kernel and its control plane, ready to run."""

    def __init__(
        self,
        scenario: Scenario,
        cluster: Cluster,
        phases: tuple[PhaseSpan, ...],
        duration_s: float,
        behaviour: Behaviour,
        streams: Streams,
    ) -> None:
        self.clock, self.tally = Clock(), Tally(scenario.slo, phases, duration_s)
        self._scenario, self._cluster, self._behaviour, self._streams = scenario, cluster, behaviour, streams
        self._duration_s = duration_s
        self.plane = KernelPlane(self.clock, scenario, cluster, kinds_of(scenario, behaviour), behaviour, streams)
        add_figures(self.plane.memory, scenario.slo, phases, duration_s)
        self.plane.memory.real[DURATION_S] = duration_s

    def run(self, blocks: Iterable[Block], *, tracing: bool = False) -> Tally:
        """Send everything and wait for every fate, and for the end of the schedule."""
        plane, clock = self.plane, self.clock
        plane.memory.root[TRACING] = tracing
        plane.memory.root[MORE_ARRIVALS] = 1
        control.start(
            clock, self._scenario, self._cluster, plane, self._behaviour, self._streams, self.tally.note_replicas
        )
        users = self._scenario.traffic.users
        if users is not None:
            plane.start_users(users.count)
        following = iter(blocks)
        end_s = math.inf
        while True:
            until_s = min(clock.peek(), end_s)
            why = plane.advance(until_s)
            if why == NEEDS_ARRIVALS:
                self._load(following)
            elif why == NEEDS_ROOM:
                plane.with_room()
            elif why == NEEDS_POINTS:
                plane.with_points()
            elif why == POD_IDLE:
                clock.at(plane.now_s, plane.tell_idle)
                clock.step()
            elif why == FINISHED:
                end_s = max(plane.now_s, self._duration_s)
            elif clock.peek() > end_s:
                break
            else:
                clock.step()
        kernel.close_area(plane.memory.address, end_s)
        self.tally.close(plane.memory, [pod.name for pod in plane.pods])
        return self.tally

    def _load(self, blocks: Iterator[Block]) -> None:
        """The next block of the schedule, if there is one."""
        memory = self.plane.memory
        block = next(blocks, None)
        if block is None:
            memory.root[MORE_ARRIVALS] = 0
            return
        n = block.intended_s.size
        if memory.arrivals.size < n:
            memory.put(arrivals=np.empty(n, ARRIVAL))
        arrivals = memory.arrivals[:n]
        arrivals["intended_s"], arrivals["kind"] = block.intended_s, block.request
        arrivals["key"], arrivals["client"] = block.key, block.client
        memory.root[NEXT_ARRIVAL], memory.root[ARRIVALS] = 0, n
        memory.root[OPEN_COUNT] += n

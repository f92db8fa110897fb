"""What goes wrong on purpose, at its time: pods killed, pods slow. Oldest ready pods first, over all Deployments."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import simpy

from scenarios.schema import Disturbance, KillDisturbance, Slow, SlowDisturbance
from sim.clock import CONTROL, Clock
from sim.controlplane.deployment import ReplicaSet
from sim.controlplane.replica import Replica
from sim.plane import PodHandle


def disturb(
    env: Clock, disturbances: Sequence[Disturbance], sets: Sequence[ReplicaSet]
) -> Generator[simpy.Event, None, None]:
    """Carry the disturbances out in order of time."""
    for disturbance in sorted(disturbances, key=lambda d: d.at):
        yield env.until(disturbance.at)
        if isinstance(disturbance, KillDisturbance):
            for replica_set, replica in _oldest_ready(sets)[: disturbance.kill]:
                replica_set.kill(replica)
        elif isinstance(disturbance, SlowDisturbance):
            for _, replica in _oldest_ready(sets)[: disturbance.slow.pods]:
                assert replica.pod is not None
                _slow_down(env, replica.pod, disturbance.slow)


def _slow_down(env: Clock, pod: PodHandle, slow: Slow) -> None:
    """Requests that start in the next `duration` seconds take `factor` times as long."""
    pod.slow(slow.factor)

    def recover() -> None:
        pod.slow(1.0)

    env.after(slow.duration, recover, CONTROL)


def _oldest_ready(sets: Sequence[ReplicaSet]) -> list[tuple[ReplicaSet, Replica]]:
    ready = [(s, r) for s in sets for r in s.active if r.ready]
    return sorted(ready, key=lambda pair: pair[1].created_s)

from __future__ import annotations

from sim.clock import Clock
from sim.controlplane.census import Census
from sim.controlplane.replica import Replica
from tests.sim.controlplane.conftest import FakePod, a_deployment


def test_wanted_pods_are_those_of_all_deployments() -> None:
    clock, noted = Clock(), list[tuple[float, ...]]()
    census = Census(clock, lambda *row: noted.append(row))
    census.want("one", 2)
    census.want("two", 3)
    census.want("one", 4)
    assert noted == [(0.0, 2, 0, 0), (0.0, 5, 0, 0), (0.0, 7, 0, 0)]


def test_a_pod_counts_as_ready_and_in_rotation_only_while_its_process_runs() -> None:
    clock, noted = Clock(), list[tuple[float, ...]]()
    census = Census(clock, lambda *row: noted.append(row[2:]))
    pod = FakePod(clock, "live-1")
    replica = Replica(a_deployment(), 0, 0.0, pod=pod, ready_since_s=0.0)
    census.look(replica)
    replica.in_rotation = True
    census.look(replica)
    pod.kill()
    census.look(replica)
    assert noted == [(1, 0), (1, 1), (0, 0)]


def test_a_pod_being_deleted_is_not_counted_as_ready() -> None:
    clock, noted = Clock(), list[tuple[float, ...]]()
    census = Census(clock, lambda *row: noted.append(row[2:]))
    replica = Replica(a_deployment(), 0, 0.0, pod=FakePod(clock, "live-1"), ready_since_s=0.0, deleting=True)
    census.look(replica)
    assert noted == [(0, 0)]

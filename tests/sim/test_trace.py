from __future__ import annotations

from sim.trace import Trace


def test_replica_rows_stand_for_changes_only_and_the_last_word_of_a_moment_counts() -> None:
    trace = Trace([], [])
    trace.note_replicas(0.0, 2, 2, 2)
    trace.note_replicas(5.2, 4, 2, 2)
    trace.note_replicas(5.2, 5, 2, 2)
    trace.note_replicas(6.0, 5, 2, 2)
    trace.note_replicas(7.0, 6, 2, 2)
    trace.note_replicas(7.0, 5, 2, 2)
    assert trace.replicas == [(0.0, 2, 2, 2), (5.2, 5, 2, 2)]


def test_stays_are_kept_as_they_end() -> None:
    trace = Trace(["ok"], [1.0])
    trace.add_wait(0.0, 0.5)
    trace.add_service(0.5, 1.0)
    assert (trace.waited, trace.served) == ([(0.0, 0.5)], [(0.5, 1.0)])

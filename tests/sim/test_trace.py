from __future__ import annotations

from sim.trace import Record, Trace


def test_replica_rows_stand_for_changes_only_and_the_last_word_of_a_moment_counts() -> None:
    trace = Trace()
    trace.note_replicas(0.0, 2, 2, 2)
    trace.note_replicas(5.2, 4, 2, 2)
    trace.note_replicas(5.2, 5, 2, 2)
    trace.note_replicas(6.0, 5, 2, 2)
    trace.note_replicas(7.0, 6, 2, 2)
    trace.note_replicas(7.0, 5, 2, 2)
    assert trace.replicas == [(0.0, 2, 2, 2), (5.2, 5, 2, 2)]


def test_stays_are_kept_as_they_begin_and_end() -> None:
    trace = Trace()
    trace.add_wait(0.0, 1)
    trace.add_wait(0.5, -1)
    trace.add_service(0.5, 1)
    assert (trace.waited, trace.served) == ([(0.0, 1), (0.5, -1)], [(0.5, 1)])


def test_records_are_told_in_the_order_in_which_requests_were_meant() -> None:
    late = Record(7, 0, 2.0, 2.5, "ok", 1, "live-1")
    early = Record(9, 0, 1.0, 3.0, "connect", 2, "")
    assert Trace(records=[late, early]).in_order() == [early, late]

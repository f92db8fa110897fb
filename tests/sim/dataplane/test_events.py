from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.dataplane import events
from sim.dataplane import tables as t
from sim.dataplane.memory import Memory

MOMENTS = st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=80)


def memory(attempts: int = 0, room: int = 4) -> Memory:
    made = Memory()
    made.put(
        real=np.zeros(t.REALS),
        events=np.zeros(256, t.EVENT),
        attempts=np.zeros(attempts, t.ATTEMPT),
        lanes=np.zeros(1, t.LANE),
        timers=np.zeros(room, t.TIMER),
    )
    made.lanes["wait_s"], made.lanes["room"] = 2.0, room
    made.root[t.FULL_LANE] = -1
    made.attempts["serial"] = np.arange(attempts)
    made.attempts["fate"] = t.OPEN
    return made


def following(made: Memory) -> tuple[float, int, int]:
    first = made.events[0]
    found = (float(first["time_s"]), int(first["kind"]), int(first["row"]))
    events.drop_first(made.root)
    return found


@settings(deadline=None)
@given(MOMENTS)
def test_events_come_by_time_and_those_of_one_moment_as_they_were_scheduled(moments: list[tuple[int, bool]]) -> None:
    made = memory()
    waiting: list[tuple[float, int]] = []
    for row, (time, take) in enumerate(moments):
        events.schedule(made.root, float(time), t.SEND, row, 0)
        waiting.append((float(time), row))
        if take:
            waiting.sort(key=lambda entry: entry[0])
            time_s, _, found = following(made)
            assert (time_s, found) == waiting.pop(0)
    assert made.root[t.EVENTS] == len(waiting)


def wait(made: Memory, now_s: float, row: int) -> None:
    made.real[t.NOW_S] = now_s
    events.limit(made.root, 0, now_s + 2.0, t.CLIENT_LIMIT, row, row)


def test_a_stale_timer_never_reaches_the_heap() -> None:
    made = memory(attempts=3)
    for row in range(3):
        wait(made, 0.1 * row, row)
    made.attempts["fate"][:2] = t.OK
    assert following(made) == (2.0, t.LANE_DUE, 0)
    made.real[t.NOW_S] = 2.0
    events.lane_due(made.root, 0)
    # both that are over are forgotten at once, and the lane wakes for the third
    assert following(made)[:2] == (2.2, t.LANE_DUE)
    made.real[t.NOW_S] = 2.2
    events.lane_due(made.root, 0)
    assert following(made) == (2.2, t.CLIENT_LIMIT, 2)
    assert made.root[t.EVENTS] == 0


def test_a_timer_keeps_its_place_among_those_of_its_moment() -> None:
    made = memory(attempts=1)
    wait(made, 0.0, 0)
    events.schedule(made.root, 2.0, t.SEND, 7, 0)
    assert following(made)[1] == t.LANE_DUE
    made.real[t.NOW_S] = 2.0
    events.lane_due(made.root, 0)
    assert [following(made)[1] for _ in range(2)] == [t.CLIENT_LIMIT, t.SEND]


def test_a_full_lane_forgets_what_is_stale_before_it_asks_for_more_room() -> None:
    made = memory(attempts=6)
    for row in range(4):
        wait(made, 0.0, row)
    made.attempts["fate"][:3] = t.OK
    wait(made, 0.1, 4)
    assert (made.lanes["count"][0], made.root[t.FULL_LANE]) == (2, -1)


def test_a_lane_full_of_the_living_asks_for_room_and_loses_nothing() -> None:
    made = memory(attempts=6)
    for row in range(5):
        wait(made, 0.1 * row, row)
    assert made.root[t.FULL_LANE] == 0
    assert made.lanes["count"][0] == 4
    kinds = sorted(following(made) for _ in range(2))
    assert kinds == [(2.0, t.LANE_DUE, 0), (2.4, t.CLIENT_LIMIT, 4)]

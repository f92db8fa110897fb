from __future__ import annotations

import math

import numpy as np
import pytest

from sim.dataplane import limits
from sim.dataplane import tables as t
from sim.dataplane.memory import Memory


def memory(*, maxconn: int, minconn: int = 0, fullconn: int = 0, slowstart_s: int = 0) -> Memory:
    made = Memory()
    made.put(
        real=np.zeros(t.REALS), seats=np.zeros(1, t.SEAT), groups=np.zeros(1, t.GROUP), backends=np.zeros(1, t.BACKEND)
    )
    made.seats["maxconn"], made.seats["minconn"] = maxconn, minconn
    made.seats["joined_s"] = 0.0 if slowstart_s else math.nan
    made.backends["fullconn"], made.backends["slowstart_s"] = fullconn, slowstart_s
    return made


def test_no_maxconn_is_no_limit() -> None:
    assert limits.limit_of(memory(maxconn=0).root, 0) == 0


@pytest.mark.parametrize(("present", "limit"), [(0, 2), (5, 2), (12, 4), (29, 9), (30, 10), (99, 10)])
def test_the_limit_rises_with_the_requests_in_the_backend(present: int, limit: int) -> None:
    made = memory(maxconn=10, minconn=2, fullconn=30)
    made.groups["present"] = present
    assert limits.limit_of(made.root, 0) == limit


@pytest.mark.parametrize(("now_s", "limit"), [(0.0, 1), (0.99, 1), (1.0, 4), (2.5, 8), (4.0, 16), (5.0, 20)])
def test_a_server_that_starts_slowly_gets_its_slots_second_by_second(now_s: float, limit: int) -> None:
    made = memory(maxconn=20, slowstart_s=5)
    made.real[t.NOW_S] = now_s
    assert limits.limit_of(made.root, 0) == limit


def test_a_server_has_room_while_nobody_waits_for_it_and_a_slot_is_free() -> None:
    made = memory(maxconn=2)
    found = []
    for served, queued in ((1, 0), (2, 0), (1, 1)):
        made.seats["served"], made.seats["queued"] = served, queued
        found.append(limits.has_room(made.root, 0))
    assert found == [True, False, False]

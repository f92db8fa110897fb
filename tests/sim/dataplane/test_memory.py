from __future__ import annotations

import numpy as np
import pytest

from sim.dataplane import tables as t
from sim.dataplane.compiled import compiled
from sim.dataplane.memory import TABLES, Memory, Root, pods, root_at


@compiled
def burn_twice(root: int, pod: int) -> float:
    s = root_at(root)
    pods(s)[pod].busy_s *= 2.0
    return float(pods(s)[pod].busy_s)


@compiled
def rows(root: int) -> int:
    s: Root = root_at(root)
    return int(pods(s).size)


def test_what_the_kernel_writes_python_sees_and_the_other_way_round() -> None:
    memory = Memory()
    memory.put(pods=np.zeros(3, t.POD))
    memory.pods["busy_s"][1] = 1.5
    assert burn_twice(memory.address, 1) == 3.0
    assert memory.pods["busy_s"].tolist() == [0.0, 3.0, 0.0]


def test_a_larger_table_takes_the_place_of_a_full_one() -> None:
    memory = Memory()
    memory.put(pods=np.zeros(3, t.POD))
    memory.put(pods=np.concatenate((memory.pods, np.zeros(5, t.POD))))
    assert rows(memory.address) == 8


def test_counters_begin_where_the_addresses_end() -> None:
    assert 2 * len(TABLES) == t.FIRST_WHOLE
    assert t.EVENTS == t.FIRST_WHOLE


def test_there_is_no_table_of_another_name() -> None:
    with pytest.raises(AttributeError, match="servers"):
        _ = Memory().servers

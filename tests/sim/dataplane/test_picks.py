from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from sim.dataplane import picks
from sim.dataplane import tables as t
from sim.dataplane.memory import Memory

if TYPE_CHECKING:
    from tests.sim.conftest import World


def pods_of(shop: World, times: list[float]) -> list[str]:
    tally = shop.compiled(times, tracing=True)
    records = tally.records[np.argsort(tally.records["who"])]
    return [tally.pods[pod].removeprefix("live-") for pod in records["pod"]]


@pytest.mark.parametrize("size", [1, 2, 8, 64])
def test_the_root_of_a_tournament_is_its_least_leaf(size: int) -> None:
    memory = Memory()
    memory.put(leaves=np.zeros(2 * size, t.CELL))
    memory.leaves["key"] = picks.NO_ROOM
    rng = np.random.default_rng(size)
    keys = np.full(size, picks.NO_ROOM)
    for _ in range(300):
        slot = int(rng.integers(size))
        keys[slot] = picks.NO_ROOM if rng.random() < 0.3 else int(rng.integers(1000)) * size + slot
        picks.set_leaf(memory.root, 0, size, slot, int(keys[slot]), slot)
        winner = memory.leaves[1]
        assert winner["key"] == keys.min()
        assert keys.min() == picks.NO_ROOM or winner["seat"] == keys.argmin()


def test_the_least_loaded_gets_the_next_and_equals_take_turns(world: type[World]) -> None:
    shop = world(pods=3, workers=99, balance="leastconn", time={"constant": "10s"})
    assert pods_of(shop, [0, 1, 2, 3, 4, 5]) == ["1", "2", "3", "1", "2", "3"]


def test_a_heavier_server_takes_more_before_it_is_as_loaded(world: type[World]) -> None:
    shop = world(pods=2, workers=99, balance="leastconn", time={"constant": "100s"}, weights=(100, 200))
    # idle servers tie whatever their weight; then (inflight + 1) * 4096 / weight in whole numbers decides: with one
    # at the first and three at the second both are at 5, and the first has been there longer
    assert pods_of(shop, [0, 1, 2, 3, 4, 5]) == ["1", "2", "2", "2", "1", "2"]


def test_first_fills_the_lowest_id_before_it_goes_on(world: type[World]) -> None:
    shop = world(pods=3, workers=99, maxconn=2, balance="first", time={"constant": "100s"})
    assert pods_of(shop, [0, 1, 2, 3, 4]) == ["1", "1", "2", "2", "3"]


def test_two_hundred_pods_are_all_used_evenly(world: type[World]) -> None:
    shop = world(pods=200, workers=99, balance="leastconn", time={"constant": "1000s"})
    found = pods_of(shop, np.arange(600.0).tolist())
    assert np.unique(found, return_counts=True)[1].tolist() == [3] * 200

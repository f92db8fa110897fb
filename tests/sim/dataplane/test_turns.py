"""Round robin in the kernel: the sequences of sim.picks.RoundRobin, which are the real HAProxy's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from balancer.policy.config import Balance
from sim.picks import RoundRobin

if TYPE_CHECKING:
    from tests.sim.conftest import World


def served_by(shop: World, times: np.ndarray) -> str:
    tally = shop.compiled(times, tracing=True)
    records = tally.records[np.argsort(tally.records["intended_s"])]
    return "".join(tally.pods[pod].removeprefix("live-") for pod in records["pod"])


@pytest.mark.parametrize(("weights", "expected"), [((1, 1, 1), "1231231231231231"), ((1, 2, 5), "3323313233233132")])
def test_weights_are_spread_evenly_over_the_cycle(world: type[World], weights: tuple[int, ...], expected: str) -> None:
    shop = world(pods=3, workers=99, balance="roundrobin", time={"constant": "1ms"}, weights=weights)
    assert served_by(shop, np.arange(16.0)) == expected


class Free:
    maxqueue = limit = served = queued = 0

    def __init__(self, id_: int, weight: int) -> None:
        self.id, self.weight, self.eweight = id_, weight, 16 * weight


def test_a_long_run_of_odd_weights_is_the_oracles(world: type[World]) -> None:
    weights = (7, 13, 100, 1, 256)
    picker = RoundRobin()
    for i, weight in enumerate(weights):
        picker.add(Free(i + 1, weight))
    oracle = [picker.pick() for _ in range(2000)]
    shop = world(pods=5, workers=99, balance=Balance("roundrobin"), time={"constant": "1ms"}, weights=weights)
    assert served_by(shop, np.arange(2000.0)) == "".join(str(server.id) for server in oracle if server)

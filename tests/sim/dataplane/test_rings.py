from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.policy.config import Balance
from sim import hashing
from sim.dataplane import rings

if TYPE_CHECKING:
    from tests.sim.conftest import World


@given(st.integers(0, 2**32 - 1))
def test_the_avalanche_is_haproxys(value: int) -> None:
    assert rings.avalanche(value) == hashing.avalanche(value)


def shares(shop: World, n: int) -> list[float]:
    tally = shop.compiled(np.arange(float(n)), tracing=True)
    counts = Counter(tally.pods[pod] for pod in tally.records["pod"])
    return [counts[name] / n for name in tally.pods]


def test_random_draws_by_weight(world: type[World]) -> None:
    balance = Balance("random", draws=1)
    shop = world(pods=3, workers=99, balance=balance, time={"constant": "1ms"}, weights=(100, 200, 100))
    assert shares(shop, 4000) == pytest.approx([0.25, 0.5, 0.25], abs=0.05)


def test_of_two_drawn_the_less_loaded_wins(world: type[World]) -> None:
    def spread(draws: int) -> float:
        shop = world(pods=20, workers=999, balance=Balance("random", draws=draws), time={"constant": "10000s"})
        return float(np.std(shares(shop, 2000)))

    assert spread(2) < 0.3 * spread(1)


@pytest.mark.parametrize("consistent", [True, False])
def test_one_address_stays_at_one_server(world: type[World], consistent: bool) -> None:
    shop = world(pods=5, workers=99, balance=Balance("source", consistent=consistent), time={"constant": "1ms"})
    assert sorted(shares(shop, 50)) == [0, 0, 0, 0, 1]

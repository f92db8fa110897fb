"""Queues and slots of the kernel; every request's fate is compared with the oracle's in tests/sim/test_engine.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from balancer.policy.config import Balance, Timeouts
from scenarios.figures import FATES

if TYPE_CHECKING:
    from tests.sim.conftest import World


def fates(shop: World, times: list[float]) -> list[tuple[str, float]]:
    tally = shop.compiled(times, tracing=True)
    records = tally.records[np.argsort(tally.records["who"])]
    return [(FATES[r["fate"]], round(float(r["end_s"] - r["intended_s"]), 6)) for r in records]


# reference/haproxy.md: 6 requests of 0.7 s, 2 servers of maxconn 1, timeout queue 1 s, measured with 2.8.25
SIX = [i * 1e-3 for i in range(6)]
SHOP = {"pods": 2, "maxconn": 1, "workers": 9, "time": {"constant": "700ms"}, "timeouts": Timeouts(queue_s=1.0)}


@pytest.mark.parametrize("balance", ["roundrobin", "leastconn", "random"])
def test_two_of_six_time_out_in_a_shared_queue(world: type[World], balance: str) -> None:
    found = fates(world(**SHOP, balance=Balance(balance)), SIX)  # type: ignore[arg-type]  # by hand
    assert sorted(fate for fate, _ in found) == ["ok"] * 4 + ["queue_timeout"] * 2
    assert [took_s for fate, took_s in found if fate != "ok"] == pytest.approx([1.0, 1.0])


def test_four_of_six_time_out_behind_one_hashed_server(world: type[World]) -> None:
    found = fates(world(**SHOP, balance=Balance("source", consistent=True)), SIX)  # type: ignore[arg-type]  # by hand
    assert sorted(fate for fate, _ in found) == ["ok"] * 2 + ["queue_timeout"] * 4


def test_a_bounded_queue_refuses_at_once(world: type[World]) -> None:
    shop = world(**SHOP, balance=Balance("source", consistent=True), maxqueue=1)  # type: ignore[arg-type]  # by hand
    found = fates(shop, SIX)
    assert [fate for fate, _ in found] == ["ok", "ok"] + ["queue_timeout"] * 4
    assert [took_s for _, took_s in found[2:]] == [0.0] * 4


def test_a_free_slot_takes_the_oldest(world: type[World]) -> None:
    shop = world(pods=1, maxconn=1, time={"constant": "1s"})
    assert [took_s for _, took_s in fates(shop, [0.0, 0.1, 0.2])] == pytest.approx([1.0, 1.9, 2.8])

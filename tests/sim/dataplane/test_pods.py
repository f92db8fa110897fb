"""Pods of the kernel by hand; every request is compared with the oracle's in tests/sim/test_engine.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from tests.sim.conftest import World


def took_s(shop: World, times: list[float]) -> list[float]:
    tally = shop.compiled(times, tracing=True)
    records = tally.records[np.argsort(tally.records["who"])]
    return [float(r["end_s"] - r["intended_s"]) for r in records]


def test_workers_serve_first_come_first_served(world: type[World]) -> None:
    assert took_s(world(workers=2, time={"constant": "1s"}), [0.0, 0.1, 0.2, 0.3]) == pytest.approx([1, 1, 1.8, 1.8])


def test_a_shared_cpu_is_shared_equally_and_waiting_costs_nothing(world: type[World]) -> None:
    shop = world(discipline="shared-cpu", time={"constant": "3s"}, cpu="1s", limit_milli=1000)
    # two CPU parts of 1 s share one core for 2 s, then each waits 2 s
    assert took_s(shop, [0.0, 0.0]) == pytest.approx([4.0, 4.0])
    # the third burns alone from 2.5 s on, after sharing with nobody
    assert took_s(shop, [0.0, 0.0, 2.5]) == pytest.approx([4.0, 4.0, 3.0])


def test_one_request_uses_one_core_at_most(world: type[World]) -> None:
    shop = world(discipline="shared-cpu", time={"constant": "1s"}, cpu="1s", limit_milli=4000)
    assert took_s(shop, [0.0, 0.0, 0.0]) == pytest.approx([1.0] * 3)


def test_many_different_parts_are_done_in_their_order(world: type[World]) -> None:
    # n parts of one core started together end when the shortest has had its share, and so on: round by round
    shop = world(discipline="shared-cpu", time={"exponential": {"mean": "1s"}}, cpu="1s", limit_milli=1000)
    run = shop.run([0.0] * 30)
    assert took_s(shop, [0.0] * 30) == pytest.approx(run.latency_s())

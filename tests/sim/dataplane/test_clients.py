"""Clients of the kernel by hand; every request is compared with the oracle's in tests/sim/test_engine.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from scenarios.figures import FATES

if TYPE_CHECKING:
    from sim.tally import Tally
    from tests.sim.conftest import World


def ended(tally: Tally) -> list[tuple[str, int, float]]:
    records = tally.records[np.argsort(tally.records["intended_s"])]
    return [(FATES[r["fate"]], int(r["attempts"]), float(r["end_s"] - r["intended_s"])) for r in records]


def test_a_client_gives_up_and_tries_again_after_a_growing_backoff(world: type[World]) -> None:
    request: dict[str, object] = {"timeout": "1s", "retries": 2, "backoff": "100ms"}
    shop = world(time={"constant": "2s"}, workers=99, request=request)
    ((fate, attempts, took_s),) = ended(shop.compiled([0.0], tracing=True))
    assert (fate, attempts) == ("client_timeout", 3)
    assert 3 + 0.5 * 0.3 <= took_s <= 3 + 1.5 * 0.3


def test_users_think_send_wait_and_think_again_until_time_is_over(world: type[World]) -> None:
    users = {"count": 3, "think": {"constant": "2s"}}
    shop = world(time={"constant": "1s"}, workers=99, users=users)
    tally = shop.compiled([], until_s=10.0, tracing=True)
    sent = sorted(float(r["intended_s"]) for r in tally.records)
    # each sends at 2, 5 and 8; the next thought would end at 11
    assert sent == pytest.approx(sorted([2.0, 5.0, 8.0] * 3))


def test_a_thousand_users_are_a_closed_loop_that_no_queue_outgrows(world: type[World]) -> None:
    users = {"count": 1000, "think": {"exponential": {"mean": "1s"}}}
    tally = world(pods=1, maxconn=1, time={"constant": "100ms"}, users=users).compiled([], until_s=60.0)
    future = tally.future()
    assert np.array(future.series.queued, dtype=np.float64).max() < 1000
    assert future.series.in_flight[10:] == pytest.approx((1.0,) * 50)
    # 10 a second for 60 s, and those who wait then
    assert future.total.goodput_rps == pytest.approx((600 + 990) / 60, abs=10 / 60)

"""The kernel's running figures against the exact ones of scenarios.figures, from the same requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from scenarios.figures import QUANTILES, Requests, phase_outcome, series_of
from scenarios.outcome import FAILURE_KINDS
from scenarios.recovery import recovery_s
from scenarios.schema import Slo
from scenarios.traffic import PhaseSpan, Schedule

if TYPE_CHECKING:
    from sim.tally import Tally
    from tests.sim.conftest import World


def surge(shop: World) -> tuple[Schedule, Tally]:
    """Calm, a surge that overloads, calm."""
    rng = np.random.default_rng(4)
    times = np.sort(np.concatenate((rng.uniform(0, 60, 600), rng.uniform(20, 30, 700))))
    zeros = np.zeros(times.size, np.int32)
    phases = (
        PhaseSpan("calm", 0.0, 20.0, surge=False),
        PhaseSpan("surge", 20.0, 30.0, surge=True),
        PhaseSpan("after", 30.0, 60.0, surge=False),
    )
    schedule = Schedule(times, zeros, zeros.astype(np.int64), zeros, phases, 60.0)
    return schedule, shop.replication(schedule).run([schedule], tracing=True)


def exact(tally: Tally) -> Requests:
    records = tally.records[np.lexsort((tally.records["who"], tally.records["intended_s"]))]
    latency_s = records["end_s"] - records["intended_s"]
    return Requests(records["intended_s"], latency_s, records["fate"].astype(np.int8))


def shop_of(world: type[World]) -> World:
    return world(pods=2, maxconn=2, workers=2, time={"exponential": {"mean": "80ms"}}, request={"timeout": "2s"})


def test_phases_and_totals_are_exact_but_for_quantiles_within_a_cell(world: type[World]) -> None:
    schedule, tally = surge(shop_of(world))
    future, requests = tally.future(), exact(tally)
    spans = (*schedule.phases, PhaseSpan("total", 0.0, 60.0, surge=False))
    for span, found in zip(spans, (*future.phases, future.total), strict=True):
        wanted = phase_outcome(requests, span)
        assert (found.offered_rps, found.goodput_rps) == (wanted.offered_rps, wanted.goodput_rps)
        for kind in FAILURE_KINDS:
            assert getattr(found.failures, kind) == pytest.approx(getattr(wanted.failures, kind))
        assert found.latency_s.mean == pytest.approx(wanted.latency_s.mean)
        assert found.latency_s.max == wanted.latency_s.max
        for name in QUANTILES:
            assert getattr(found.latency_s, name) == pytest.approx(getattr(wanted.latency_s, name), rel=5e-4)


def test_buckets_are_exact_but_for_quantiles_within_a_cell(world: type[World]) -> None:
    _, tally = surge(shop_of(world))
    found, wanted = tally.future().series, series_of(exact(tally), [], [], 60.0)
    assert (found.time_s, found.offered_rps, found.goodput_rps) == (
        wanted.time_s,
        wanted.offered_rps,
        wanted.goodput_rps,
    )
    for name in ("p50_s", "p95_s", "p99_s"):
        pairs = list(zip(getattr(found, name), getattr(wanted, name), strict=True))
        assert all((mine is None) == (theirs is None) for mine, theirs in pairs)
        there = np.array([pair for pair in pairs if pair[0] is not None])
        assert there[:, 0] == pytest.approx(there[:, 1], rel=8e-3)


@pytest.mark.parametrize("p99", ["150ms", "400ms", "1s", "3s"])
def test_recovery_and_the_objective_are_counted_not_read_from_a_histogram(world: type[World], p99: str) -> None:
    shop = shop_of(world)
    slo = Slo.model_validate({"p99": p99, "success": "50%"})
    shop.scenario = shop.scenario.model_copy(update={"slo": slo})
    schedule, tally = surge(shop)
    future, requests = tally.future(), exact(tally)
    assert future.recovery_s == recovery_s(requests, schedule.phases, slo)
    good = np.sort(requests.latency_s[requests.fate == 0])
    enough = good.size >= 0.5 * requests.fate.size
    assert future.met == (enough and good[int(np.ceil(0.99 * good.size)) - 1] <= slo.p99)


def test_queue_and_slots_appear_in_the_series(world: type[World]) -> None:
    shop = world(time={"constant": "1s"}, pods=1, maxconn=1)
    series = shop.compiled([0.0, 0.0, 0.0], until_s=4.0).future().series
    assert series.in_flight == pytest.approx((1.0, 1.0, 1.0, 0.0))
    assert series.queued == pytest.approx((2.0, 1.0, 0.0, 0.0))


def test_a_run_without_a_surge_has_nothing_to_recover_from(world: type[World]) -> None:
    shop = shop_of(world)
    schedule = shop.schedule([0.0, 1.0])
    calm = Schedule(
        schedule.intended_s, schedule.request, schedule.key, schedule.client,
        (PhaseSpan("calm", 0.0, 2.0, surge=False),), 2.0,
    )  # fmt: skip
    assert shop.replication(calm).run([calm]).future().recovery_s is None

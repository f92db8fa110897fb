from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from scenarios.outcome import FAILURE_KINDS, Failures, Latency, PhaseOutcome, Series
from sim.precision import Goal, all_hold, looks, median_interval, risk_of_one, share_interval, widths
from sim.tally import Future

Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]


def phase(name: str, p99: float | None, success: float, *, surge: bool) -> PhaseOutcome:
    quantiles: dict[str, float | None] = dict.fromkeys(("mean", "p50", "p90", "p95", "p99", "p999", "max"), p99)
    return PhaseOutcome(
        name=name, start_s=0.0, end_s=1.0, surge=surge, offered_rps=1.0, goodput_rps=1.0, success_ratio=success,
        failures=Failures(**dict.fromkeys(FAILURE_KINDS, 0.0)), latency_s=Latency(**quantiles),
    )  # fmt: skip


def future(p99: float | None = 1.0, success: float = 1.0, *, met: bool = True) -> Future:
    """What matters of one: a calm and a surge phase and their total."""
    none = Series(
        bucket_s=1.0, time_s=(), offered_rps=(), goodput_rps=(), p50_s=(), p95_s=(), p99_s=(), queued=(), in_flight=()
    )
    calm, surge = phase("calm", 7.0, 1.0, surge=False), phase("surge", p99, success, surge=True)
    return Future(surge.model_copy(update={"name": "total"}), (calm, surge), none, (), None, met)


def taken(goal: Goal, make: Callable[[int], Future]) -> int:
    """How many replications it takes."""
    futures: list[Future] = []
    while len(futures) < goal.most:
        futures.append(make(len(futures)))
        if goal.enough(futures):
            break
    return len(futures)


def test_looks_come_at_sizes_that_depend_on_the_maximum_alone() -> None:
    assert looks(200) == (10, 15, 23, 35, 53, 80, 120, 180, 200)
    assert looks(10) == (10,)


def test_the_median_interval_of_a_single_look_is_the_tables() -> None:
    # David and Nagaraja, table 7.1 and any statistics text: n = 10 at 95 % gives x(2) and x(9), n = 20 x(6) and x(15)
    assert median_interval(range(1, 11), 0.05) == (2, 9)
    assert median_interval(range(1, 21), 0.05) == (6, 15)
    assert all_hold((10,), 0.05) == pytest.approx(1 - 2 * 11 / 1024)


def test_too_few_values_bound_nothing() -> None:
    assert median_interval([1.0, 2.0, 3.0, 4.0], 0.1) == (-np.inf, np.inf)
    assert median_interval([1.0, 2.0, 3.0, 4.0, 5.0], 0.1) == (1.0, 5.0)


def test_the_interval_of_a_share_is_wilsons() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81 of 263
    assert share_interval(81, 263, 0.05) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert share_interval(10, 10, 0.1)[1] == pytest.approx(1.0)


@pytest.mark.parametrize("most", [10, 50, 200, 1000])
def test_all_looks_together_hold_the_median_with_the_confidence_asked(most: int) -> None:
    sizes = looks(most)
    risk = risk_of_one(sizes)
    assert 0.90 <= all_hold(sizes, risk) < 0.98
    assert all_hold(sizes, 0.1) < all_hold(sizes, risk) or most == 10


def smooth(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return rng.lognormal(0.0, 0.3, n)


def half_collapse(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """A surge that a few more than half of the futures survive; the median is the survivors' slowest."""
    return np.where(rng.random(n) < 0.52, rng.uniform(0.2, 0.3, n), rng.uniform(3.0, 3.3, n))


def share_of_runs_that_hold(draw: Draw, median: float, risk: float) -> tuple[float, float]:
    """Over 600 runs that stop at ±10 %: how often the last interval has the true median, and the mean size."""
    rng, held, sizes = np.random.default_rng(4), 0, 0
    for _ in range(600):
        values = draw(rng, 200)
        for n in looks(200):
            low, high = median_interval(np.sort(values[:n]).tolist(), risk)
            if (high - low) / 2 <= 0.1 * float(np.median(values[:n])):
                break
        held += low <= median <= high
        sizes += n
    return held / 600, sizes / 600


def test_stopping_early_costs_confidence_and_the_wider_looks_give_it_back() -> None:
    median_of_survivors = 0.2 + 0.1 * 0.5 / 0.52
    single, alike = 0.1, risk_of_one(looks(200))
    assert share_of_runs_that_hold(half_collapse, median_of_survivors, single)[0] < 0.83
    assert share_of_runs_that_hold(half_collapse, median_of_survivors, alike)[0] > 0.89
    held, size = share_of_runs_that_hold(smooth, 1.0, single)
    assert held > 0.85
    assert share_of_runs_that_hold(smooth, 1.0, alike)[1] < 2.3 * size


@pytest.mark.parametrize("chance", [0.5, 0.9, 0.97, 0.995])
def test_a_share_watched_until_it_is_known_is_inside_its_interval(chance: float) -> None:
    rng, sizes, held = np.random.default_rng(5), looks(200), 0
    for _ in range(600):
        met = rng.random(200) < chance
        for n in sizes:
            low, high = share_interval(int(met[:n].sum()), n, risk_of_one(sizes))
            if (high - low) / 2 <= 0.05:
                break
        held += low <= chance <= high
    assert held / 600 > 0.90


def test_futures_all_alike_take_what_the_share_that_meets_the_objective_takes() -> None:
    goal = Goal(0.05, 200)
    assert taken(goal, lambda _i: future()) == 53
    assert goal.reached
    assert str(goal.widest) == "slo.met ± 4.1 points"


def test_scattered_latencies_take_more_and_are_named() -> None:
    noise = np.random.default_rng(1).lognormal(0.0, 0.6, 500).tolist()
    goal = Goal(0.1, 500)
    assert taken(goal, lambda i: future(noise[i])) > 100
    assert goal.widest is not None
    assert goal.widest.figure == "p99 of total"
    assert str(goal.widest).endswith("%")


def test_a_maximum_too_small_is_admitted() -> None:
    goal = Goal(0.01, 20)
    assert taken(goal, lambda i: future(1.0 + i)) == 20
    assert not goal.reached
    assert goal.widest is not None
    assert goal.widest.half > 0.01


def test_between_looks_nothing_is_decided() -> None:
    goal = Goal(0.5, 200)
    alike = [future()] * 14
    assert not goal.enough(alike[:9])
    assert goal.enough(alike[:10])
    assert not goal.enough(alike[:11])


def test_success_counts_in_points_and_latency_as_a_share_of_its_median() -> None:
    futures = [future(10.0 + i, 0.5 + i / 1000) for i in range(10)]
    found = {width.figure: width for width in widths(futures, 0.05)}
    assert found["p99 of surge"].half == pytest.approx(3.5 / 14.5)
    assert found["success of surge"].half == pytest.approx(0.0035)
    assert found["p99 of surge"].relative
    assert not found["success of surge"].relative


def names(futures: Sequence[Future]) -> set[str]:
    return {width.figure for width in widths(futures, 0.05)}


def test_surge_phases_and_the_total_count_and_calm_ones_do_not() -> None:
    assert names([future()] * 10) == {
        "p99 of total", "success of total", "p99 of surge", "success of surge", "slo.met",
    }  # fmt: skip


def test_a_latency_that_most_futures_lack_is_not_waited_for() -> None:
    lacking, having = future(None), future()
    assert "p99 of surge" not in names([lacking] * 6 + [having] * 4)
    assert "p99 of surge" in names([lacking] * 5 + [having] * 5)


@pytest.mark.parametrize(("precision", "most"), [(0.0, 100), (1.0, 100), (0.05, 9)])
def test_a_goal_without_sense_is_refused(precision: float, most: int) -> None:
    with pytest.raises(ValueError, match="within"):
        Goal(precision, most)

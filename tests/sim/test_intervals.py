from __future__ import annotations

import pytest

from scenarios.outcome import FAILURE_KINDS, Failures, Figure, Interval, Latency, PhaseOutcome, Series
from sim.intervals import interval, interval_if_any, merge_phases, merge_replicas, merge_series


def phase(goodput_rps: float, p99_s: float | None = 0.1, connect: float = 0.0) -> PhaseOutcome:
    failures = dict.fromkeys(FAILURE_KINDS, 0.0) | {"connect": connect}
    latency = {"mean": 0.05, "p50": 0.05, "p90": 0.08, "p95": 0.09, "p99": p99_s, "p999": None, "max": None}
    return PhaseOutcome(
        name="surge",
        start_s=1.0,
        end_s=2.0,
        surge=True,
        offered_rps=10.0,
        goodput_rps=goodput_rps,
        success_ratio=1.0,
        failures=Failures(**failures),
        latency_s=Latency(**latency),
    )


def bounds(figure: Figure | None) -> tuple[float, float, float]:
    assert isinstance(figure, Interval)
    return figure.value, figure.low, figure.high


def test_an_interval_is_median_and_5th_and_95th_percentile() -> None:
    assert interval([float(x) for x in range(101)]) == Interval(value=50.0, low=5.0, high=95.0)
    assert interval([3.0]) == Interval(value=3.0, low=3.0, high=3.0)


def test_a_figure_most_replications_lack_is_null() -> None:
    assert interval_if_any([1.0, None, None]) is None
    assert interval_if_any([1.0, 1.0, None]) == Interval(value=1.0, low=1.0, high=1.0)
    assert interval_if_any([]) is None


def test_phases_merge_figure_by_figure() -> None:
    merged = merge_phases([phase(8.0, connect=0.2), phase(10.0, connect=0.0), phase(9.0, p99_s=None, connect=0.1)])
    assert isinstance(merged.goodput_rps, Interval)
    assert merged.goodput_rps.value == 9.0
    assert bounds(merged.failures.connect) == pytest.approx((0.1, 0.01, 0.19))
    assert merged.latency_s.p99 == Interval(value=0.1, low=0.1, high=0.1)
    assert merged.latency_s.p999 is None
    assert (merged.name, merged.start_s, merged.end_s, merged.surge) == ("surge", 1.0, 2.0, True)


def test_series_merge_bucket_by_bucket() -> None:
    def series(first: float, p50_s: float | None) -> Series:
        two = (first, 2.0)
        quantiles = (p50_s, 0.1)
        return Series(
            bucket_s=1.0, time_s=(0.0, 1.0), offered_rps=two, goodput_rps=two,
            p50_s=quantiles, p95_s=quantiles, p99_s=quantiles, queued=two, in_flight=two,
        )  # fmt: skip

    merged = merge_series([series(1.0, None), series(3.0, None), series(2.0, 0.3)])
    assert bounds(merged.queued[0]) == pytest.approx((2.0, 1.1, 2.9))
    assert merged.queued[1] == Interval(value=2.0, low=2.0, high=2.0)
    assert merged.p50_s[0] is None
    assert merged.time_s == (0.0, 1.0)


def test_replica_rows_stand_where_a_count_changes_in_any_replication() -> None:
    runs = [
        [(0.0, 2, 2, 2), (5.2, 4, 2, 2), (8.21, 4, 4, 4)],
        [(0.0, 2, 2, 2), (5.2, 4, 2, 2), (9.0, 4, 4, 4)],
        [(0.0, 2, 2, 2), (10.2, 3, 2, 2)],
    ]
    merged = merge_replicas(runs)
    assert [row.time_s for row in merged] == [0.0, 5.2, 8.3, 9.0, 10.2]
    desired = merged[1].desired
    assert isinstance(desired, Interval)
    assert desired.value == 4.0
    assert merged[0].in_rotation == Interval(value=2.0, low=2.0, high=2.0)
    assert isinstance(merged[-1].ready, Interval)
    assert merged[-1].ready.value == 4.0


def test_counts_of_replicas_are_counts_that_occurred() -> None:
    merged = merge_replicas([[(0.0, 2, 2, 2)]] * 3 + [[(0.0, 5, 2, 2)]] * 3)
    assert bounds(merged[0].desired)[1:] == (2.0, 5.0)
    assert bounds(merged[0].desired)[0] in {2.0, 5.0}

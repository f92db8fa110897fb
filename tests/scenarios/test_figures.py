"""One definition of every figure, for predicted and measured runs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.figures import (
    FATES,
    Requests,
    bucket_s_for,
    latency_of,
    mean_present,
    phase_outcome,
    quantile,
    series_of,
)
from scenarios.traffic import PhaseSpan


def requests(*rows: tuple[float, float, str]) -> Requests:
    return Requests(
        np.array([row[0] for row in rows], dtype=np.float64),
        np.array([row[1] for row in rows], dtype=np.float64),
        np.array([FATES.index(row[2]) for row in rows], dtype=np.int8),
    )


def span(start_s: float, end_s: float) -> PhaseSpan:
    return PhaseSpan("phase", start_s, end_s, surge=True)


def test_quantile_is_the_smallest_value_that_the_share_does_not_exceed() -> None:
    sample = np.arange(1.0, 101.0)
    assert [quantile(sample, share) for share in (0.5, 0.95, 0.99, 0.999)] == [50.0, 95.0, 99.0, 100.0]
    assert quantile(np.array([7.0]), 0.5) == 7.0


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999]))
def test_quantile_agrees_with_numpys_inverted_cdf(values: list[float], share: float) -> None:
    ascending = np.sort(np.array(values))
    assert quantile(ascending, share) in np.percentile(
        ascending, [share * 100 - 1e-9, share * 100 + 1e-9], method="inverted_cdf"
    )


def test_no_success_has_no_latency() -> None:
    assert latency_of(np.array([])).model_dump() == dict.fromkeys(
        ("mean", "p50", "p90", "p95", "p99", "p999", "max"), None
    )


def test_a_request_belongs_to_the_phase_of_its_intended_time_however_late_it_ends() -> None:
    outcome = phase_outcome(requests((0.0, 9.0, "ok"), (1.999, 9.0, "ok"), (2.0, 1.0, "ok")), span(0.0, 2.0))
    assert (outcome.offered_rps, outcome.goodput_rps, outcome.latency_s.max) == (1.0, 1.0, 9.0)


def test_failures_are_ratios_of_offered_and_have_no_latency() -> None:
    rows = [(0.1, 0.2, "ok"), (0.2, 5.0, "queue_timeout"), (0.3, 0.4, "ok"), (0.4, 5.0, "aborted")]
    outcome = phase_outcome(requests(*rows), span(0.0, 4.0))
    assert outcome.success_ratio == 0.5
    assert (outcome.failures.queue_timeout, outcome.failures.aborted, outcome.failures.connect) == (0.25, 0.25, 0.0)
    assert outcome.latency_s.mean == pytest.approx(0.3)
    assert outcome.latency_s.max == 0.4


def test_a_phase_without_requests_has_no_success_ratio() -> None:
    outcome = phase_outcome(requests(), span(0.0, 1.0))
    assert outcome.success_ratio is None
    assert outcome.latency_s.p99 is None
    assert outcome.offered_rps == 0.0


def test_series_have_a_bucket_a_second_with_none_where_nothing_succeeded() -> None:
    series = series_of(
        requests((0.1, 0.2, "ok"), (0.2, 0.4, "ok"), (2.5, 1.0, "denied")), [(0.5, 1.5)], [(1.0, 1.25)], 3.0
    )
    assert series.time_s == (0.0, 1.0, 2.0)
    assert series.offered_rps == (2.0, 0.0, 1.0)
    assert series.goodput_rps == (2.0, 0.0, 0.0)
    assert series.p99_s == (0.4, None, None)
    assert series.queued == (0.5, 0.5, 0.0)
    assert series.in_flight == (0.0, 0.25, 0.0)


def test_long_schedules_have_wider_buckets_of_whole_seconds() -> None:
    assert [bucket_s_for(s) for s in (0.5, 600.0, 601.0, 7200.0)] == [1.0, 1.0, 2.0, 12.0]


stays = st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)).map(lambda t: (min(t), max(t))), max_size=30)


@given(stays)
def test_time_present_is_conserved(spans: list[tuple[float, float]]) -> None:
    edges = np.arange(0.0, 11.0)
    total_s = float(mean_present(spans, edges).sum())
    assert total_s == pytest.approx(sum(end - start for start, end in spans), abs=1e-6)

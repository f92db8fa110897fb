"""What the generator says of itself."""

import time

import numpy as np
import pytest

from loadgen.progress import Progress, new_histogram, percentile_s, record_all
from loadgen.records import Recorder, Rows, rows_of
from scenarios.traffic import PhaseSpan

PHASES = (PhaseSpan("calm", 0.0, 10.0, surge=False), PhaseSpan("surge", 10.0, 20.0, surge=True))


def rows(*latencies_s: float, status: int = 200, final: bool = True) -> Rows:
    recorder = Recorder()
    for latency_s in latencies_s:
        recorder.add(0, 0, 0, 1.0, 1.0, 1.0 + latency_s, status, "", final, 0)
    return rows_of(recorder.take())


def progress(t_s: float) -> Progress:
    return Progress(time.monotonic() - t_s, PHASES)


def test_rate_p95_and_failures_are_those_since_the_last_report_and_counts_those_since_the_start() -> None:
    told = progress(1.0)
    told.add(rows(*[0.2] * 94, *[0.4] * 6), np.full(100, 0.001))
    told.add(rows(9.0, status=503), np.empty(0))
    first, second = told.report(101, 0, 1), told.report(101, 0, 1)
    assert first.rate_rps == pytest.approx(101, rel=0.1)
    assert first.p95_s == pytest.approx(0.4)
    assert (first.sent, first.done, first.ok, first.failed) == (101, 101, 100, 1)
    assert first.failed_ratio == pytest.approx(1 / 101)
    assert (second.sent, second.rate_rps, second.p95_s, second.failed_ratio) == (101, 0.0, None, None)


def test_an_attempt_that_will_be_repeated_is_not_yet_done() -> None:
    told = progress(1.0)
    told.add(rows(0.1, status=503, final=False), np.empty(0))
    assert told.report(1, 1, 1).done == 0


@pytest.mark.parametrize(("t_s", "phase"), [(-1.0, "calm"), (5.0, "calm"), (11.0, "surge"), (99.0, "surge")])
def test_the_phase_is_the_one_under_way(t_s: float, phase: str) -> None:
    assert progress(t_s).report(0, 0, 1).phase == phase


def test_lag_is_over_the_whole_run() -> None:
    told = progress(1.0)
    assert told.report(0, 0, 1).lag_p99_s is None
    for lag_ms in range(1, 101):
        told.add(rows(), np.array([lag_ms / 1000]))
    assert told.report(100, 0, 1).lag_p99_s == pytest.approx(0.099, rel=0.005)  # bins are that wide


def test_values_beyond_the_histogram_are_kept_at_its_edges() -> None:
    histogram = new_histogram()
    record_all(histogram, np.array([-0.001, 1e6]))
    assert histogram.get_total_count() == 2
    assert percentile_s(histogram, 100.0) == pytest.approx(3600, rel=0.001)

"""What the generator says of itself."""

import time

import pytest

from loadgen.progress import Progress, new_histogram, record_s


def test_rate_and_p95_are_those_since_the_last_report_and_counts_those_since_the_start() -> None:
    progress = Progress(time.monotonic() - 1.0)
    for _ in range(100):
        progress.sent(0.001)
        progress.done(0.2, good=True)
    progress.done(9.0, good=False)
    first, second = progress.report(), progress.report()
    assert first["rate_rps"] == pytest.approx(100, rel=0.1)
    assert first["p95_s"] == pytest.approx(0.2, rel=0.002)
    assert (first["sent"], first["done"], first["ok"], first["failed"]) == (100, 101, 100, 1)
    assert (second["sent"], second["rate_rps"], second["p95_s"]) == (100, 0.0, None)


def test_lag_is_over_the_whole_run() -> None:
    progress = Progress(time.monotonic())
    assert progress.lag_p99_s is None
    for lag_ms in range(1, 101):
        progress.sent(lag_ms / 1000)
    assert progress.lag_p99_s == pytest.approx(0.099, rel=0.002)


def test_values_beyond_the_histogram_are_kept_at_its_edges() -> None:
    histogram = new_histogram()
    record_s(histogram, -0.001)
    record_s(histogram, 1e6)
    assert histogram.get_total_count() == 2

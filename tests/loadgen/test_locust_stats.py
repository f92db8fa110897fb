"""Locust's statistics, fed in bulk, are what its own event would have made of each attempt."""

from pathlib import Path

import numpy as np
import pytest
from locust.stats import RequestStats

from loadgen.locust_stats import tell_locust
from loadgen.records import Recorder, Rows, rows_of
from scenarios.load import load_scenario

REQUESTS = load_scenario(Path(__file__).parents[2] / "scenarios" / "quick").scenario.traffic.requests
PATH, METHOD = REQUESTS[0].path, REQUESTS[0].method


@pytest.fixture
def rows() -> Rows:
    """500 attempts of half a minute, every tenth a failure."""
    rng, recorder = np.random.default_rng(1), Recorder()
    for index in range(500):
        send_s, took_s = float(rng.uniform(0, 30)), float(rng.lognormal(-2, 1))
        status, error = (503, "") if index % 10 == 0 else (200, "")
        status, error = (0, "timeout") if index % 50 == 0 else (status, error)
        recorder.add(index, 0, 0, send_s, send_s, send_s + took_s, status, error, True, index)
    return rows_of(recorder.take())


def test_bulk_statistics_equal_those_of_single_events(rows: Rows) -> None:
    bulk, single = RequestStats(), RequestStats()
    for part in np.array_split(rows, 7):
        tell_locust(bulk, part, REQUESTS, 1_700_000_000.0)
    for row in rows:
        single.log_request(METHOD, PATH, round((row["done_s"] - row["send_s"]) * 1000), int(row["bytes"]))
        if row["error"] or row["status"] >= 400:
            single.log_error(METHOD, PATH, "timeout" if row["error"] else f"status {row['status']}")
    for mine, theirs in ((bulk.total, single.total), (bulk.get(PATH, METHOD), single.get(PATH, METHOD))):
        assert mine.num_requests == theirs.num_requests == 500
        assert mine.num_failures == theirs.num_failures == 50
        assert mine.response_times == theirs.response_times
        assert (mine.min_response_time, mine.max_response_time) == (theirs.min_response_time, theirs.max_response_time)
        assert mine.total_content_length == theirs.total_content_length
        assert mine.total_response_time == pytest.approx(theirs.total_response_time, rel=0.001)
    assert {key: error.occurrences for key, error in bulk.errors.items()} == {
        key: error.occurrences for key, error in single.errors.items()
    }


def test_requests_per_second_are_those_of_the_second_they_were_done_in(rows: Rows) -> None:
    stats = RequestStats()
    tell_locust(stats, rows, REQUESTS, 1_700_000_000.0)
    seconds = np.floor(rows["done_s"]).astype(int) + 1_700_000_000
    assert stats.total.num_reqs_per_sec == {second: int((seconds == second).sum()) for second in np.unique(seconds)}


def test_nothing_told_changes_nothing() -> None:
    stats = RequestStats()
    tell_locust(stats, rows_of(b""), REQUESTS, 0.0)
    assert (stats.total.num_requests, stats.errors) == (0, {})

"""Locust's own statistics, fed with many attempts at once: one event each would cost a fifth of a core at 4,000 a second."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from locust.stats import RequestStats, StatsEntry, StatsError, bucket_response_time
from numpy.typing import NDArray

from loadgen.records import ERRORS, Rows, good_rows
from scenarios.schema import Request


def tell_locust(stats: RequestStats, rows: Rows, requests: Sequence[Request], epoch_unix_s: float) -> None:
    """Add attempts to the entries of their paths and to the total; response times count from the send, as Locust's do."""
    for kind in np.unique(rows["request"]).tolist():
        mine = rows[rows["request"] == kind]
        path, method = requests[kind].path, requests[kind].method
        seconds = np.floor(mine["done_s"] + epoch_unix_s).astype(np.int64)
        failed = ~good_rows(mine)
        entry = StatsEntry(stats, path, method)
        took_ms = (mine["done_s"] - mine["send_s"]) * 1000
        entry.num_requests, entry.num_failures = len(mine), int(failed.sum())
        entry.total_response_time = int(took_ms.sum())
        entry.min_response_time, entry.max_response_time = round(took_ms.min()), round(took_ms.max())
        entry.total_content_length = int(mine["bytes"].sum())
        entry.num_reqs_per_sec, entry.num_fail_per_sec = _counted(seconds), _counted(seconds[failed])
        for rounded_ms, count in _counted(np.rint(took_ms).astype(np.int64)).items():
            bucket = bucket_response_time(rounded_ms)
            entry.response_times[bucket] = entry.response_times.get(bucket, 0) + count
        entry.last_request_timestamp = float(mine["done_s"].max()) + epoch_unix_s
        stats.entries[path, method].extend(entry)
        stats.total.extend(entry)
        _tell_errors(stats, mine[failed], path, method)


def _tell_errors(stats: RequestStats, failed: Rows, path: str, method: str) -> None:
    for (error, status), count in zip(
        *np.unique(np.stack((failed["error"], failed["status"]), axis=1), axis=0, return_counts=True), strict=True
    ):
        text = ERRORS[error] or f"status {status}"
        seen = stats.errors.setdefault(StatsError.create_key(method, path, text), StatsError(method, path, text))
        now = time.time()
        seen.occurrences += int(count)
        seen.first_seen, seen.last_seen = seen.first_seen or now, now


def _counted(values: NDArray[np.int64]) -> dict[int, int]:
    found, counts = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))

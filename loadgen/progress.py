"""What the generator says of itself while it runs and at its end, from the rows and lags of all who send."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from loadgen.records import Rows, good_rows
from scenarios.traffic import PhaseSpan

# 1 microsecond to one hour, three significant digits.
LOWEST_US, HIGHEST_US, DIGITS = 1, 3_600_000_000, 3


def new_histogram() -> HdrHistogram:
    """A histogram of microseconds; its error is at most 0.1 % of a value."""
    return HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)


def record_all(histogram: HdrHistogram, values_s: NDArray[np.float64]) -> None:
    """Record (n,) seconds, moved into the histogram's range."""
    whole = np.clip(np.rint(values_s * 1e6), LOWEST_US, HIGHEST_US).astype(np.int64)
    for value, count in zip(*(part.tolist() for part in np.unique(whole, return_counts=True)), strict=True):
        histogram.record_value(value, count)


def percentile_s(histogram: HdrHistogram, percent: float) -> float | None:
    """A percentile in seconds; None of an empty histogram."""
    return histogram.get_value_at_percentile(percent) / 1e6 if histogram.get_total_count() else None


class Lags:
    """Dispatch lags counted in bins that are 0.5 % wide, for they come by the thousand while requests are to be sent."""

    _EDGES_S = 1e-6 * 1.005 ** np.arange(4450)  # 1 microsecond to more than an hour

    def __init__(self) -> None:
        self._counts = np.zeros(len(self._EDGES_S) + 1, dtype=np.int64)
        self.max_s: float | None = None

    def add(self, lag_s: NDArray[np.float64]) -> None:
        """(n,) more of them."""
        if len(lag_s):
            self._counts += np.bincount(np.searchsorted(self._EDGES_S, lag_s), minlength=len(self._counts))
            self.max_s = max(self.max_s or 0.0, float(lag_s.max()))

    def quantile_s(self, share: float) -> float | None:
        """The upper edge of the bin where a share of all lags is reached; None before the first."""
        total = int(self._counts.sum())
        if not total or self.max_s is None:
            return None
        reached = int(np.searchsorted(np.cumsum(self._counts), share * total))
        return min(self.max_s, float(self._EDGES_S[min(reached, len(self._EDGES_S) - 1)]))


@dataclass(frozen=True)
class Said:
    """One second of a run: counts since its start, `rate_rps`, `p95_s` and `failed_ratio` since the line before."""

    t_s: float
    sent: int
    done: int
    ok: int
    failed: int
    rate_rps: float
    p95_s: float | None
    lag_p99_s: float | None
    phase: str
    outstanding: int
    workers: int
    failed_ratio: float | None


class Progress:
    """Counts since the start and since the last report. `epoch` is the schedule's first moment (monotonic)."""

    def __init__(self, epoch: float, phases: Sequence[PhaseSpan]) -> None:
        self._epoch, self._phases = epoch, phases
        self.done = self.ok = 0
        self.lag = Lags()
        self._recent_s: list[NDArray[np.float64]] = []
        self._last_s, self._last_sent, self._last_done, self._last_ok = 0.0, 0, 0, 0

    def add(self, rows: Rows, lag_s: NDArray[np.float64]) -> None:
        """More attempts that have ended, and (n,) lags of requests that have been sent."""
        final = rows[rows["final"] == 1]
        good = final[good_rows(final)]
        self.done += len(final)
        self.ok += len(good)
        self._recent_s.append(good["done_s"] - good["intended_s"])
        self.lag.add(lag_s)

    def report(self, sent: int, outstanding: int, workers: int) -> Said:
        """What to say now, `sent` since the start."""
        now_s = time.monotonic() - self._epoch
        recent = np.sort(np.concatenate(self._recent_s or [np.empty(0)]))
        done, ok = self.done - self._last_done, self.ok - self._last_ok
        said = Said(
            t_s=round(now_s, 3),
            sent=sent,
            done=self.done,
            ok=self.ok,
            failed=self.done - self.ok,
            rate_rps=round((sent - self._last_sent) / max(1e-9, now_s - self._last_s), 1),
            p95_s=float(np.quantile(recent, 0.95, method="inverted_cdf")) if len(recent) else None,
            lag_p99_s=self.lag.quantile_s(0.99),
            phase=self._phases[max(0, bisect_right([p.start_s for p in self._phases], now_s) - 1)].name,
            outstanding=outstanding,
            workers=workers,
            failed_ratio=(done - ok) / done if done else None,
        )
        self._last_s, self._last_sent, self._last_done, self._last_ok = now_s, sent, self.done, self.ok
        self._recent_s = []
        return said

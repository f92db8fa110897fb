"""What the generator says of itself while it runs and at its end."""

from __future__ import annotations

import time

from hdrh.histogram import HdrHistogram

# 1 microsecond to one hour, three significant digits.
LOWEST_US, HIGHEST_US, DIGITS = 1, 3_600_000_000, 3


def new_histogram() -> HdrHistogram:
    """A histogram of microseconds; its error is at most 0.1 % of a value."""
    return HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)


def record_s(histogram: HdrHistogram, value_s: float) -> None:
    """Record seconds, moved into the histogram's range."""
    histogram.record_value(min(HIGHEST_US, max(LOWEST_US, round(value_s * 1e6))))


class Progress:
    """Counts since the start and since the last report. `epoch` is the schedule's first moment (monotonic)."""

    def __init__(self, epoch: float) -> None:
        self._epoch = epoch
        self.sent_count = self.done_count = self.good_count = 0
        self.outstanding_max = 0
        self._lag = new_histogram()
        self._recent = new_histogram()
        self._last_s, self._last_sent = 0.0, 0

    def sent(self, lag_s: float) -> None:
        """A request left `lag_s` after its intended time."""
        self.sent_count += 1
        record_s(self._lag, lag_s)

    def done(self, latency_s: float, *, good: bool) -> None:
        """A request has its last answer, `latency_s` after its intended time."""
        self.done_count += 1
        if good:
            self.good_count += 1
            record_s(self._recent, latency_s)

    @property
    def lag_p99_s(self) -> float | None:
        """The 99th percentile of dispatch lag so far; None before the first request."""
        return self._lag.get_value_at_percentile(99.0) / 1e6 if self._lag.get_total_count() else None

    def report(self) -> dict[str, float | int | None]:
        """One progress line; rate and p95 are since the line before."""
        now_s = time.monotonic() - self._epoch
        span_s = max(1e-9, now_s - self._last_s)
        rate_rps = (self.sent_count - self._last_sent) / span_s
        recent = self._recent
        p95_s = recent.get_value_at_percentile(95.0) / 1e6 if recent.get_total_count() else None
        self._last_s, self._last_sent, self._recent = now_s, self.sent_count, new_histogram()
        return {
            "t_s": round(now_s, 3),
            "sent": self.sent_count,
            "done": self.done_count,
            "ok": self.good_count,
            "failed": self.done_count - self.good_count,
            "rate_rps": round(rate_rps, 1),
            "p95_s": p95_s,
            "lag_p99_s": self.lag_p99_s,
        }

"""A stick table's sliding request rate per client. Source: HAProxy 2.8, freq_ctr.c; manual, "http_req_rate"."""

from __future__ import annotations

from balancer.policy.config import RateLimit


class RateLimiter:
    """Counts every request, refused ones too; refuses when the rate after counting exceeds the limit.

    The rate over a period p is `this period's count + the last one's * what remains of this period / p`,
    in whole milliseconds and rounded down. A client's periods start with its first request.
    """

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit.requests
        self._period_ms = max(1, round(limit.period_s * 1000))
        self._counters: dict[int, tuple[int, int, int]] = {}

    def refuses(self, client: int, now_s: float) -> bool:
        """Count a request of this client; whether it is one too many."""
        now = int(now_s * 1000)
        period = self._period_ms
        start, current, last = self._counters.get(client, (now, 0, 0))
        elapsed = now - start
        if elapsed >= 2 * period:
            start, current, last = now, 0, 0
        elif elapsed >= period:
            start, current, last = start + period, 0, current
        current += 1
        self._counters[client] = (start, current, last)
        return (current * period + last * (start + period - now)) // period > self._limit

from __future__ import annotations

from balancer.policy.config import RateLimit
from sim.ratelimit import RateLimiter


def test_the_limit_itself_is_allowed_and_the_next_refused() -> None:
    limiter = RateLimiter(RateLimit(requests=3))
    assert [limiter.refuses(0, 0.1) for _ in range(5)] == [False, False, False, True, True]


def test_each_client_has_its_own_counter() -> None:
    limiter = RateLimiter(RateLimit(requests=1))
    assert [limiter.refuses(client, 0.0) for client in (0, 1, 0, 1)] == [False, False, True, True]


def test_the_last_period_counts_by_what_remains_of_this_one() -> None:
    # 10 in the first second; half way through the next: 10 * 0.5 + 1 = 6
    limiter = RateLimiter(RateLimit(requests=6))
    for _ in range(10):
        limiter.refuses(0, 5.0)
    assert not limiter.refuses(0, 6.5)
    assert limiter.refuses(0, 6.5)


def test_refused_requests_count_too() -> None:
    limiter = RateLimiter(RateLimit(requests=2))
    assert sum(limiter.refuses(0, 0.01 * i) for i in range(300)) == 298


def test_two_silent_periods_forget_everything() -> None:
    limiter = RateLimiter(RateLimit(requests=1, period_s=2.0))
    limiter.refuses(0, 0.0)
    assert limiter.refuses(0, 0.5)
    assert not limiter.refuses(0, 4.5)

"""Backoff doubles and is jittered."""

from loadgen.retry import backoff_s


def test_backoff_doubles_within_its_jitter() -> None:
    for attempt in range(4):
        waits = [backoff_s(1, index, attempt, 0.1) for index in range(500)]
        low, high = 0.05 * 2**attempt, 0.15 * 2**attempt
        assert low <= min(waits) < low * 1.05
        assert high * 0.95 < max(waits) <= high


def test_backoff_is_the_same_for_the_same_seed_only() -> None:
    assert backoff_s(1, 5, 0, 0.1) == backoff_s(1, 5, 0, 0.1)
    assert backoff_s(1, 5, 0, 0.1) != backoff_s(2, 5, 0, 0.1)

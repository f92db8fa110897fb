from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from balancer.policy.config import RateLimit, Timeouts

if TYPE_CHECKING:
    from tests.sim.conftest import World

TWO_SECONDS: dict[str, object] = {"constant": "2s"}


def test_requests_are_sent_at_their_intended_times_whatever_becomes_of_those_before(world: type[World]) -> None:
    run = world(time=TWO_SECONDS, pods=1, workers=9).run([0.0, 0.5, 0.5, 3.25])
    assert run.latency_s() == pytest.approx([2.0] * 4)
    assert run.starts_s() == [0.0, 0.5, 0.5, 3.25]


def test_latency_counts_from_the_intended_time(world: type[World]) -> None:
    run = world(time=TWO_SECONDS).run([0.0, 0.5])
    assert run.latency_s() == pytest.approx([2.0, 3.5])


def test_a_client_gives_up_at_its_timeout(world: type[World]) -> None:
    run = world(time=TWO_SECONDS, request={"timeout": "1500ms"}).run([0.0, 5.0])
    assert run.fates == ["client_timeout"] * 2
    assert run.latency_s() == pytest.approx([1.5, 1.5])


def test_a_failed_attempt_is_repeated_after_a_growing_jittered_backoff(world: type[World]) -> None:
    request = {"timeout": "1s", "retries": 3, "backoff": "100ms"}
    run = world(time=TWO_SECONDS, workers=99, request=request).run([0.0])
    assert run.fates == ["client_timeout"]
    starts = run.starts_s()
    gaps = [later - earlier - 1.0 for earlier, later in pairwise(starts)]
    assert len(gaps) == 3
    for i, gap in enumerate(gaps):
        assert 0.5 * 0.1 * 2**i <= gap <= 1.5 * 0.1 * 2**i


def test_a_repeated_request_that_succeeds_is_a_success_with_the_whole_latency(world: type[World]) -> None:
    # the second waits 2 s for the only slot and gives up while served; its next try finds the slot and a worker free
    request = {"timeout": "2100ms", "retries": 1, "backoff": "10ms"}
    run = world(time=TWO_SECONDS, maxconn=1, workers=2, request=request).run([0.0, 0.001])
    assert run.fates == ["ok", "ok"]
    assert run.latency_s()[1] > 4.0


@pytest.mark.parametrize(("status_code", "tries"), [(403, 1), (429, 3), (503, 3)])
def test_a_rate_limited_request_comes_back_only_when_told_to(world: type[World], status_code: int, tries: int) -> None:
    # the second finds the limit used up; a try that comes 1.2 s or more later would be let through again
    request = {"retries": 2, "backoff": "10ms"}
    limit = RateLimit(requests=1, status_code=status_code)
    run = world(time={"constant": "1ms"}, rate_limit=limit, request=request).run([0.0, 0.1, 5.0])
    assert run.fates == ["ok", "rate_limited", "ok"]
    # each further try waited at least half of its backoff
    assert (run.latency_s()[1] > 0.01) == (tries > 1)


def test_the_fate_is_that_of_the_last_attempt(world: type[World]) -> None:
    request = {"timeout": "5s", "retries": 1, "backoff": "0s"}
    timeouts = Timeouts(queue_s=0.5, server_s=100.0)
    run = world(time=TWO_SECONDS, maxconn=1, timeouts=timeouts, request=request).run([0.0, 0.1])
    assert run.fates == ["ok", "queue_timeout"]
    assert run.latency_s()[1] == pytest.approx(1.0)


def test_no_requests_at_all_end_with_the_schedule(world: type[World]) -> None:
    run = world().run([], until_s=30.0)
    assert run.fates == []

"""Load that nobody meant is refused before the first request."""

from collections.abc import Callable

import pytest

from loadgen.errors import LoadError
from loadgen.seatbelt import MOST_RPS, allowed
from scenarios.traffic import Schedule

Scheduled = Callable[..., Schedule]


@pytest.mark.parametrize("target", ["127.0.0.1:80", "127.9.9.9:80", "localhost:80", "[::1]:80"])
def test_loopback_may_be_loaded(target: str, schedule_at: Scheduled) -> None:
    allowed(target, owned=False, max_rps=None, schedule=schedule_at([0.0]))


@pytest.mark.parametrize("target", ["192.0.2.1:80", "10.0.0.1:80", "[2001:db8::1]:80", "0.0.0.0:80"])
def test_any_other_host_only_by_whoever_owns_it(target: str, schedule_at: Scheduled) -> None:
    with pytest.raises(LoadError, match="add --i-own-this-host"):
        allowed(target, owned=False, max_rps=None, schedule=schedule_at([0.0]))
    allowed(target, owned=True, max_rps=None, schedule=schedule_at([0.0]))


def test_a_name_that_leads_nowhere_is_said(schedule_at: Scheduled) -> None:
    with pytest.raises(LoadError, match="a host that can be found"):
        allowed("no-such-host.invalid:80", owned=False, max_rps=None, schedule=schedule_at([0.0]))


def test_a_rate_beyond_the_limit_is_refused_with_its_second(schedule_at: Scheduled) -> None:
    schedule = schedule_at([0.5, *(2.0 + i / 20 for i in range(11))])
    allowed("127.0.0.1:80", owned=False, max_rps=11, schedule=schedule)
    with pytest.raises(LoadError, match=r"--max-rps: 10: the schedule sends 11 requests in second 2"):
        allowed("127.0.0.1:80", owned=False, max_rps=10, schedule=schedule)


def test_without_a_limit_there_is_one(schedule_at: Scheduled) -> None:
    with pytest.raises(LoadError, match="--max-rps: 20000"):
        allowed("127.0.0.1:80", owned=False, max_rps=None, schedule=schedule_at([0.0] * (int(MOST_RPS) + 1)))

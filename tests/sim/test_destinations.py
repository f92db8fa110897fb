from __future__ import annotations

import pytest

from balancer.policy.config import Backend, BackendSettings, Balance, ProxyConfig, RateLimit, Route
from sim.destinations import Destination, destination, hashed_text, is_denied, repeats
from sim.hashing import avalanche, sdbm
from sim.kinds import Kind
from sim.workload import PathBehaviour, constant


def kind(path: str) -> Kind:
    return Kind("h", path, 1.0, 0, 0.1, PathBehaviour(constant(1.0), 0.0), (), parallel=False, is_call=False)


def config(balance: Balance, *routes: Route) -> ProxyConfig:
    backends = tuple(Backend(name, BackendSettings(balance=balance)) for name in ("live", "seven"))
    return ProxyConfig("127.0.0.1", 80, routes=(*routes, Route("h", "/", "Prefix", "live")), backends=backends)


def test_the_key_is_filled_in_before_the_route_is_looked_up() -> None:
    site = config(Balance(), Route("h", "/item/7", "Exact", "seven"))
    found = [destination(site, kind("/item/{key}"), key, 0) for key in (6, 7)]
    assert found == [Destination("live"), Destination("seven")]


def test_a_consistent_hash_goes_through_the_avalanche() -> None:
    assert destination(config(Balance("uri")), kind("/a?b=1"), 0, 0) == Destination("live", sdbm(b"/a"))
    consistent = destination(config(Balance("uri", consistent=True)), kind("/a"), 0, 0)
    assert consistent == Destination("live", avalanche(sdbm(b"/a")))


def test_source_hashes_the_address_and_random_asks_for_draws() -> None:
    assert destination(config(Balance("source")), kind("/"), 0, 99) == Destination("live", 99)
    assert destination(config(Balance("random", draws=3)), kind("/"), 0, 99) == Destination("live", draws=3)


@pytest.mark.parametrize(
    ("algorithm", "argument", "text"),
    [
        ("uri", None, "/live/7"), ("hdr", "Host", "h"), ("hdr", "Cookie", None),
        ("url_param", "user", "ann"), ("url_param", "use", None), ("leastconn", None, None),
    ],
)  # fmt: skip
def test_what_is_hashed_is_what_the_algorithm_names(algorithm: str, argument: str | None, text: str | None) -> None:
    assert hashed_text(algorithm, argument, "h", "/live/7?x=1&user=ann") == text


def test_a_deny_list_wins_and_an_allow_list_keeps_the_rest_out() -> None:
    both = BackendSettings(allow=("10.0.0.0/8",), deny=("10.1.0.0/16",))
    assert [is_denied(both, address) for address in ("10.2.0.1", "10.1.0.1", "9.9.9.9")] == [False, True, True]


@pytest.mark.parametrize(("status", "again"), [(403, False), (429, True), (503, True)])
def test_a_limited_request_is_repeated_only_for_429_and_server_errors(status: int, again: bool) -> None:
    assert repeats(BackendSettings(rate_limit=RateLimit(1, status_code=status)), "rate_limited") == again


def test_successes_refusals_and_hosts_that_nobody_serves_are_not_repeated() -> None:
    settings = BackendSettings()
    assert [repeats(settings, fate) for fate in ("ok", "denied", "connect")] == [False, False, True]
    assert not repeats(None, "no_server")

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.policy import values
from balancer.policy.config import Balance
from balancer.policy.values import NOBODY, NotAllowedError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5s", 5), ("500ms", 0.5), ("250", 0.25), ("1m", 60), ("1h", 3600), (" 2s ", 2), ("1000us", 0.001), ("1d", 86400)],
)
def test_a_duration_is_haproxys_and_a_bare_number_is_milliseconds(text: str, seconds: float) -> None:
    assert values.duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "balance"),
    [
        ("roundrobin", Balance("roundrobin")),
        ("leastconn", Balance("leastconn")),
        ("random", Balance("random", draws=2)),
        ("random(3)", Balance("random", draws=3)),
        ("source", Balance("source", consistent=True)),
        ("uri", Balance("uri", consistent=True)),
        ("hdr(X-User)", Balance("hdr", "X-User", consistent=True)),
        ("url_param  user", Balance("url_param", "user", consistent=True)),
        ("static-rr", Balance("static-rr")),
    ],
)
def test_a_balance_is_written_as_in_haproxy_and_hashes_are_consistent(text: str, balance: Balance) -> None:
    assert values.balance(text) == balance


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (values.duration_s, "5 s"), (values.duration_s, "0s"), (values.duration_s, "25d"), (values.duration_s, "-1s"),
        (values.duration_s, "٣s"), (values.whole(1, 9), "0"), (values.whole(1, 9), "1.0"), (values.whole(1, 9), "9" * 99),
        (values.one_of(403, 429), "200"), (values.entries, "0"), (values.entries, "10g"), (values.switch, "maybe"),
        (values.balance, "rdp-cookie"), (values.balance, "random(0)"), (values.balance, "hdr"),
        (values.balance, "hdr(a b)"), (values.balance, "hdr(X)\n server x 1.2.3.4"), (values.balance, "least_conn"),
        (values.consistent, "sdbm"), (values.balance_factor, "100"), (values.http_check, "ready"),
        (values.http_check, "POST /ready"), (values.http_check, "/a /b"), (values.http_check, ""),
    ],
)  # fmt: skip
def test_what_haproxy_would_not_take_is_refused(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(NotAllowedError) as refused:
        read(text)
    assert refused.value.instead is None


def test_rdp_cookie_is_refused_with_the_reason() -> None:
    with pytest.raises(NotAllowedError, match="RDP is no HTTP"):
        values.balance("rdp-cookie(mstshash)")


def test_sizes_switches_and_checks_are_read() -> None:
    assert (values.entries("100k"), values.entries("1m"), values.entries("7")) == (100_000, 1_000_000, 7)
    assert (values.switch("enabled"), values.switch("FALSE")) == (True, False)
    assert values.http_check("GET /ready?a=b") == {"http_path": "/ready?a=b", "http_method": "GET"}
    assert values.http_check("HEAD /ready HTTP/1.1") == {"http_path": "/ready", "http_method": "HEAD"}
    assert (values.consistent("map-based"), values.balance_factor("0"), values.balance_factor("150")) == (False, 0, 150)


def test_what_can_be_read_of_a_list_of_networks_holds() -> None:
    assert values.networks("10.0.0.0/8, 192.168.1.7 ::1/128") == ("10.0.0.0/8", "192.168.1.7/32", "::1/128")
    assert values.networks("10.1.2.3/8") == ("10.0.0.0/8",)
    with pytest.raises(NotAllowedError, match="office cannot be read") as refused:
        values.networks("10.0.0.0/8,office")
    assert refused.value.instead == ("10.0.0.0/8",)


def test_an_unreadable_allow_list_lets_nobody_in_rather_than_everybody() -> None:
    with pytest.raises(NotAllowedError) as refused:
        values.allowed_networks("the office")
    assert refused.value.instead == (NOBODY,)


READERS: list[Callable[[str], object]] = [
    values.duration_s, values.whole(0, 10), values.one_of(1, 2), values.entries, values.switch, values.networks,
    values.allowed_networks, values.balance, values.consistent, values.balance_factor, values.http_check,
]  # fmt: skip


@given(st.sampled_from(READERS), st.text())
def test_no_text_raises_anything_else(read: Callable[[str], object], text: str) -> None:
    with contextlib.suppress(NotAllowedError):
        read(text)

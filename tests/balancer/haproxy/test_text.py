"""Nothing a user writes can leave its word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.errors import BalancerError
from balancer.haproxy.text import (
    address,
    literal_format,
    map_word,
    milliseconds,
    name,
    port,
    quoted,
    server_options,
    socket_word,
)
from balancer.policy.config import HealthCheck, Server


def unquote(word: str) -> str:
    """Single quotes as HAProxy reads them: all is literal within, a backslash takes the next one outside."""
    out, inside, i = "", False, 0
    while i < len(word):
        if word[i] == "'":
            inside = not inside
        elif word[i] == "\\" and not inside:
            i += 1
            out += word[i]
        else:
            assert inside, f"{word[i]!r} stands unquoted"
            out += word[i]
        i += 1
    assert not inside
    return out


@given(st.text())
def test_a_quoted_text_is_one_word_that_says_the_same_or_is_refused(text: str) -> None:
    try:
        word = quoted(text)
    except BalancerError:
        assert any(not (" " <= c <= "~" or c == "\t") for c in text)
    else:
        assert "\n" not in word
        assert unquote(word) == text


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_a_literal_holds_no_format(text: str) -> None:
    assert "%" not in unquote(literal_format(text)).replace("%%", "")


@given(st.text())
def test_a_socket_word_ends_no_command(text: str) -> None:
    try:
        word = socket_word(text)
    except BalancerError:
        return
    assert "\n" not in word
    assert not any(special in word.replace("\\\\", "").replace(f"\\{special}", "") for special in "; ")


@pytest.mark.parametrize("text", ["", "a b", "a/b", "a\n", "ä", "x" * 256, "a;b", "a#b"])
def test_what_haproxy_cannot_call_a_server_is_refused(text: str) -> None:
    with pytest.raises(BalancerError, match="name"):
        name(text)


@pytest.mark.parametrize("text", ["", "#comment", "a b", "a\nb", "a\tb", "ä"])
def test_what_would_break_a_map_line_is_refused(text: str) -> None:
    with pytest.raises(BalancerError):
        map_word(text)


def test_addresses_and_ports_are_checked() -> None:
    assert (address("10.0.0.1"), address("fd00::1"), port(80)) == ("10.0.0.1", "[fd00::1]", "80")
    for bad in ("localhost", "10.0.0.1 disabled", ""):
        with pytest.raises(BalancerError):
            address(bad)
    for number in (0, 65536, -1):
        with pytest.raises(BalancerError):
            port(number)


def test_no_duration_becomes_zero_which_means_for_ever() -> None:
    assert (milliseconds(0), milliseconds(0.0001), milliseconds(2.5)) == ("1ms", "1ms", "2500ms")


def test_unlimited_maxconn_and_no_check_are_left_out() -> None:
    server = Server("a", 7, "10.0.0.1", 80, maxconn=0, weight=10)
    assert server_options(server, HealthCheck(enabled=False)) == "id 7 weight 10"


def test_a_check_says_interval_fall_and_rise() -> None:
    server = Server("a", 7, "10.0.0.1", 80, maxconn=3)
    assert server_options(server, HealthCheck()) == "id 7 weight 100 maxconn 3 check inter 2000ms fall 3 rise 2"

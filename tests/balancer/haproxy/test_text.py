import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.errors import BalancerError
from balancer.haproxy import text
from balancer.policy.config import Condition, Header, HealthCheck, Link, Server


def words(line: str) -> list[str]:
    """A configuration line as HAProxy splits it, as far as we use its quotes. Source: manual, 2.2 "Quoting"."""
    found, word, i, strong, any_word = [], "", 0, False, False
    while i < len(line):
        char = line[i]
        if strong:
            strong = char != "'"
            word += "" if char == "'" else char
        elif char == "'":
            strong = any_word = True
        elif char == "\\":
            i += 1
            word += line[i]
        elif char == "#":
            break
        elif char in " \t":
            found += [word] if any_word or word else []
            word, any_word = "", False
        else:
            word += char
        i += 1
    assert not strong
    return found + ([word] if any_word or word else [])


printable = st.text(st.characters(min_codepoint=32, max_codepoint=126))


@given(printable)
def test_printable_text_stays_one_word_to_the_letter(value: str) -> None:
    assert words(f"before {text.quoted(value)} after") == ["before", value, "after"]
    assert words(text.literal_format(value)) == [value.replace("%", "%%")]


@given(st.text())
def test_no_text_at_all_can_begin_another_line(value: str) -> None:
    writers = (text.name, text.address, text.quoted, text.literal_format, text.map_word, text.socket_word)
    for write in (*writers, text.expression, text.snippet_line):
        try:
            written = write(value)
        except BalancerError:
            continue
        assert len(written.splitlines()) <= 1
        assert written.isascii()
        assert "\x00" not in written


@pytest.mark.parametrize("bad", ["", "a b", "a;b", "a/b", "a\n", "#a", "a'b", "x" * 256])
def test_a_name_is_letters_digits_and_four_signs(bad: str) -> None:
    with pytest.raises(BalancerError):
        text.name(bad)


def test_addresses_are_ip_addresses_with_brackets_where_needed() -> None:
    assert (text.address("127.0.0.1"), text.address("::1")) == ("127.0.0.1", "[::1]")
    for bad in ("localhost", "127.0.0.1:80", "1.2.3", ""):
        with pytest.raises(BalancerError):
            text.address(bad)


def test_a_duration_never_becomes_none() -> None:
    assert (text.milliseconds(1.5), text.milliseconds(0.0001)) == ("1500ms", "1ms")


def test_a_word_for_the_socket_hides_what_would_end_it() -> None:
    assert text.socket_word(r"tv.example/a;b\c") == r"tv.example/a\;b\\c"


@pytest.mark.parametrize("bad", ["", "a b", "#comment", "a\tb", "é"])
def test_a_map_word_is_one_word(bad: str) -> None:
    with pytest.raises(BalancerError):
        text.map_word(bad)


def test_ports_are_ports() -> None:
    assert text.port(65535) == "65535"
    with pytest.raises(BalancerError):
        text.port(0)


def test_a_servers_limits_and_its_slow_start_stand_before_its_check() -> None:
    server = Server("one", 7, "127.0.0.1", 80, maxconn=4, minconn=2, maxqueue=3, slowstart_s=1.5)
    limits = "id 7 weight 100 maxconn 4 minconn 2 maxqueue 3 slowstart 1500ms"
    assert text.server_options(server, HealthCheck(enabled=False)) == limits


def test_a_servers_options_leave_out_what_is_unlimited_or_off() -> None:
    server = Server("one", 7, "127.0.0.1", 80, maxconn=4, weight=50)
    assert text.server_options(server, HealthCheck()) == "id 7 weight 50 maxconn 4 check inter 2000ms fall 3 rise 2"
    assert text.server_options(Server("one", 7, "127.0.0.1", 80), HealthCheck(enabled=False)) == "id 7 weight 100"


@pytest.mark.parametrize(
    ("link", "words"),
    [
        (Link(), ""),
        (Link(tls=True), " ssl verify none"),
        (Link(http2=True), " proto h2"),
        (Link(tls=True, http2=True), " ssl verify none alpn h2,http/1.1"),
        (Link(proxy_header="v1"), " send-proxy"),
        (Link(proxy_header="v2-ssl-cn"), " send-proxy-v2-ssl-cn"),
    ],
)
def test_how_a_pod_is_spoken_to_in_haproxys_words(link: Link, words: str) -> None:
    server = Server("one", 7, "127.0.0.1", 80, link=link)
    assert text.server_options(server, HealthCheck(enabled=False)) == f"id 7 weight 100{words}"


def test_a_condition_keeps_its_values_from_posing_as_flags() -> None:
    condition = Condition("req.hdr(x),lower", ("-m", "beg"), ("-f", "}", "a b"))
    assert text.matching(condition) == "req.hdr(x),lower -m beg -- '-f' '}' 'a b'"
    assert text.matching(Condition("ssl_fc")) == "ssl_fc"


@pytest.mark.parametrize("bad", ["", "src]", "a b", "'", "%", "src\n", "${HOME}"])
def test_an_expression_is_one_harmless_word(bad: str) -> None:
    with pytest.raises(BalancerError):
        text.header_format(Header("X", bad, evaluated=True))


def test_a_snippets_line_is_a_directive() -> None:
    assert text.snippet_line("stick on src") == "stick on src"
    with pytest.raises(BalancerError):
        text.snippet_line("frontend x")

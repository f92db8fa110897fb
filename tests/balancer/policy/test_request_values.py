import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.policy import request_values as values
from balancer.policy.config import Header, Origins, Rewrite
from balancer.policy.values import NotAllowedError


def test_headers_are_lines_of_name_and_value() -> None:
    text = 'X-A one two\n\n  Cache-Control "no-store, private"  \nX-Quote say "hi"'
    wanted = (Header("X-A", "one two"), Header("Cache-Control", "no-store, private"), Header("X-Quote", 'say "hi"'))
    assert values.request_headers(text) == wanted
    assert values.response_headers('X "') == (Header("X", '"'),)


@pytest.mark.parametrize(
    "line", ["X-A", "X:A b", "Content-Length 5", "transfer-encoding chunked", "X-A café", "X-A a\x00b", "X-A a\rb"]
)
def test_a_header_that_cannot_be_or_would_frame_the_message_is_refused_and_costs_only_itself(line: str) -> None:
    with pytest.raises(NotAllowedError) as refused:
        values.request_headers(f"X-Good yes\n{line}")
    assert refused.value.instead == (Header("X-Good", "yes"),)


def test_a_value_that_is_one_known_sample_is_evaluated() -> None:
    assert values.request_headers("X-Client-IP %[src]\nX-Host %[req.hdr(host),lower]") == (
        Header("X-Client-IP", "src", evaluated=True),
        Header("X-Host", "req.hdr(host),lower", evaluated=True),
    )
    assert values.response_headers("X-Was %[res.hdr(server)]") == (Header("X-Was", "res.hdr(server)", evaluated=True),)


@pytest.mark.parametrize(
    "value", ["%[env(HOME)]", "a %[src]", "%[src] %[dst]", "%[lua.x]", "%[src,map(/etc/passwd)]", "%[file(/x)]"]
)
def test_anything_else_that_looks_like_a_sample_is_sent_to_the_letter_and_told(value: str) -> None:
    with pytest.raises(NotAllowedError, match="as a whole value") as refused:
        values.request_headers(f"X-A {value}")
    assert refused.value.instead == (Header("X-A", value),)


def test_an_answers_header_looks_at_no_request() -> None:
    with pytest.raises(NotAllowedError) as refused:
        values.response_headers("X-Path %[path]")
    assert refused.value.instead == (Header("X-Path", "%[path]"),)


def test_a_redirect_names_a_host_and_perhaps_scheme_port_and_path() -> None:
    assert values.redirect("example.com") == {"host": "example.com", "scheme": None}
    assert values.redirect("example.com:8888") == {"host": "example.com:8888", "scheme": None}
    assert values.redirect("https://example.com/new/") == {"host": "example.com/new", "scheme": "https"}
    assert values.redirect("http://[::1]:80")["host"] == "[::1]:80"


def test_rewrites_are_paths_or_patterns_with_what_takes_their_place() -> None:
    assert values.rewrites("/") == (Rewrite("(.*)", "/"),)
    assert values.rewrites("/foo/(.*) /\\1\n\n/bar/(.*) /baz/\\1") == (
        Rewrite("/foo/(.*)", "/\\1"),
        Rewrite("/bar/(.*)", "/baz/\\1"),
    )
    assert values.rewrites(r"([^?]*)(\?(.*))? \1/foo\2") == (Rewrite(r"([^?]*)(\?(.*))?", r"\1/foo\2"),)


def test_good_rewrites_of_a_bad_lot_hold() -> None:
    with pytest.raises(NotAllowedError) as refused:
        values.rewrites("/a /b\n/( /c\n/d %[env(HOME)]\n/e /f g")
    assert refused.value.instead == (Rewrite("/a", "/b"),)


def test_origins_to_the_letter_are_no_patterns() -> None:
    assert values.origins("*") == Origins()
    assert values.origins("https://example.com") == Origins(("https://example.com",))
    assert values.origins("https://a.example, https://b.example:8443").exactly[1] == "https://b.example:8443"
    pattern = r"^https://(.+\.)?(example-1\.com|example-2\.com)(:\d{1,5})?$"
    assert values.origins(pattern) == Origins(pattern=pattern)


def test_unreadable_origins_let_nobodys_page_in_rather_than_everybodys() -> None:
    with pytest.raises(NotAllowedError) as refused:
        values.origins("https://(")
    instead = refused.value.instead
    assert isinstance(instead, Origins)
    assert not instead.anyone


def test_lists_of_methods_and_names_become_a_headers_value() -> None:
    assert (values.methods("*"), values.methods("get,POST")) == ("*", "GET, POST")
    assert (
        values.header_names("X-Custom-Header,Upgrade-Insecure-Requests") == "X-Custom-Header, Upgrade-Insecure-Requests"
    )


def test_another_way_to_ask_for_a_password_than_ours_lets_nobody_in() -> None:
    assert values.auth_type("basic-auth") is True
    with pytest.raises(NotAllowedError) as refused:
        values.auth_type("digest")
    assert refused.value.instead is True


def test_a_choice_gives_what_is_meant() -> None:
    read = values.choice(proxy="v1", proxy_v2="v2")
    assert (read("proxy"), read(" proxy-v2 ")) == ("v1", "v2")


def test_a_snippet_is_its_good_lines() -> None:
    assert values.snippet("\n  # why\n  stick on src\n") == ("stick on src",)
    with pytest.raises(NotAllowedError) as refused:
        values.snippet("stick on src\nfrontend evil\n  bind :80")
    assert refused.value.instead == ("stick on src",)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (values.host, "a b"), (values.host, "%[src]"), (values.host, ""), (values.host, "a\nb"), (values.host, "a'b"),
        (values.redirect, "%[env(X)]"), (values.redirect, "ftp://a"), (values.redirect, "a b"), (values.redirect, ":80"),
        (values.redirect, "a?b"), (values.redirect, "a/'"), (values.methods, "GET, BREW"), (values.methods, ""),
        (values.header_names, "a b:c"), (values.header_names, ""), (values.header_name, "a(b"), (values.age_s, "never"),
        (values.realm, 'a"b'), (values.realm, ""), (values.secret, "a/b/c"), (values.secret, "../x"), (values.cookie, "a;b"),
        (values.cookie, "a b"), (values.choice(h2="h2"), "h3"),
    ],
)  # fmt: skip
def test_what_could_mean_more_than_it_says_is_refused(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(NotAllowedError) as refused:
        read(text)
    assert refused.value.instead is None


READERS: list[Callable[[str], object]] = [
    values.request_headers, values.response_headers, values.host, values.redirect, values.rewrites, values.origins,
    values.methods, values.header_names, values.header_name, values.age_s, values.auth_type, values.realm, values.secret,
    values.cookie, values.choice(h2="h2"), values.snippet,
]  # fmt: skip


@given(st.sampled_from(READERS), st.text())
def test_no_text_raises_anything_else(read: Callable[[str], object], text: str) -> None:
    with contextlib.suppress(NotAllowedError):
        read(text)

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.policy.config import Condition
from balancer.policy.patterns import NEVER, condition, is_answer_sample, is_pattern, is_request_sample
from balancer.policy.values import NotAllowedError


@pytest.mark.parametrize(
    "text",
    [
        "(.*)", "/foo/(.*)", r"([^?]*)(\?(.*))?", r"^https://(.+\.)?(a\.com|b\.com)(:\d{1,5})?$", "/[a-z0-9_-]+/x", r"/v[0-9]{2}/",
        "/(?:a|b)/?", r"\{id\}", "[.]", "a+?",
    ],
)  # fmt: skip
def test_patterns_as_people_write_them_are_taken(text: str) -> None:
    assert is_pattern(text)


@pytest.mark.parametrize(
    "text",
    [
        "(", "a)", "[a", "*a", "a**", r"\Q", r"\1", "(?i)a", "(?<!a)b", "(?P<n>a)", "(*UTF8)a", "[[:alpha:]]", "[.x.]", "a{5,2}",
        "(a{9}){9}", "a{99999}", "\\", "é", "a\nb", "", "a" * 501, "[z-a]",
    ],
)  # fmt: skip
def test_what_the_two_notations_read_differently_is_not(text: str) -> None:
    assert not is_pattern(text)


@pytest.mark.parametrize(
    "text",
    ["src", "req.hdr(host)", "hdr(User-Agent),lower", "cookie(a)", "path", "url_param(id),url_enc", "ssl_fc_sni"],
)
def test_samples_of_the_request_at_hand_are_known(text: str) -> None:
    assert is_request_sample(text)


@pytest.mark.parametrize(
    "text",
    ["env(HOME)", "lua.x", "src,map(a)", "src]", "req.hdr(a'b)", "so_id", "stopping", "req.hdr(a),debug", "", "fc_pp"],
)
def test_samples_that_look_further_are_not(text: str) -> None:
    assert not is_request_sample(text)
    assert not is_answer_sample(text)


def test_an_answer_has_samples_of_its_own() -> None:
    assert is_answer_sample("res.hdr(server)")
    assert not is_answer_sample("path")
    assert not is_request_sample("status")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("cookie(staging) -m found", Condition("req.cook(staging)", ("-m", "found"))),
        ("hdr(X-Team) -i red blue", Condition("req.hdr(X-Team)", ("-i", "-m", "str"), ("red", "blue"))),
        ("path_beg /beta", Condition("path", ("-m", "beg"), ("/beta",))),
        (
            "hdr_sub(User-Agent) -i 'old browser'",
            Condition("req.hdr(User-Agent)", ("-i", "-m", "sub"), ("old browser",)),
        ),
        ("path -m reg ^/v[12]/", Condition("path", ("-m", "reg"), ("^/v[12]/",))),
        ("src 10.0.0.0/8 ::1", Condition("src", (), ("10.0.0.0/8", "::1/128"))),
        ("rand(100) lt 10", Condition("rand(100)", ("-m", "int"), ("lt", "10"))),
        ("method POST", Condition("method", ("-m", "str"), ("POST",))),
        ("ssl_fc", Condition("ssl_fc")),
        ("url_param(v) 2", Condition("urlp(v)", ("-m", "str"), ("2",))),
        ("path -- -f", Condition("path", ("-m", "str"), ("-f",))),
    ],
)
def test_a_condition_is_one_acl_in_haproxys_words(text: str, wanted: Condition) -> None:
    assert condition(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "", "path", "path -f /etc/passwd", "path -M -f x", "nbsrv(b) lt 1", "env(HOME) -m found", "path_reg (", "src office",
        "rand(0) lt 1", "rand(9) around 3", "cookie(a) -m found b", "path -m bin 00", "path -m", "always_true", "'unclosed",
        "path /a\nfrontend x", "path é", "hdr(a b) x", "path " + "a " * 50,
    ],
)  # fmt: skip
def test_a_condition_that_cannot_be_read_holds_for_no_request(text: str) -> None:
    with pytest.raises(NotAllowedError) as refused:
        condition(text)
    assert refused.value.instead == NEVER


@given(st.text() | st.from_regex(r"(path|hdr\(a\)|src)( -i| -m [a-z]+)* .*", fullmatch=True))
def test_no_text_raises_anything_else(text: str) -> None:
    is_pattern(text)
    with contextlib.suppress(NotAllowedError):
        condition(text)

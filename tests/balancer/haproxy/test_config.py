import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.errors import BalancerError
from balancer.haproxy.config import CONFIG_FILE, EXACT_MAP, PREFIX_MAP, Process, render
from balancer.policy.config import (
    Backend,
    BackendSettings,
    Balance,
    Header,
    HealthCheck,
    ProxyConfig,
    RateLimit,
    Route,
    Server,
    Timeouts,
)

PROCESS = Process("runtime-0.sock", 1000)
ONE, TWO = Server("one", 1, "127.0.0.1", 8080, maxconn=4), Server("two", 2, "127.0.0.2", 8080, state="drain")


def config(settings: BackendSettings | None = None, *routes: Route) -> ProxyConfig:
    backend = Backend("live", settings or BackendSettings(), (ONE, TWO))
    return ProxyConfig("127.0.0.1", 8000, routes, (backend,))


def backend_lines(settings: BackendSettings) -> list[str]:
    """The lines of the only backend, without its servers."""
    _, _, text = render(config(settings), PROCESS)[CONFIG_FILE].partition("backend live\n")
    return [line.strip() for line in text.splitlines() if not line.startswith("    server ")]


def test_a_backend_of_plain_settings() -> None:
    text = render(config(), PROCESS)[CONFIG_FILE]
    assert text.partition("backend live\n")[2] == (
        "    balance roundrobin\n"
        "    retries 3\n"
        "    timeout queue 5000ms\n"
        "    timeout connect 5000ms\n"
        "    timeout server 50000ms\n"
        "    timeout tunnel 3600000ms\n"
        "    server one 127.0.0.1:8080 id 1 weight 100 maxconn 4 check inter 2000ms fall 3 rise 2\n"
        "    server two 127.0.0.2:8080 id 2 weight 100 check inter 2000ms fall 3 rise 2 disabled\n"
    )


@pytest.mark.parametrize(
    ("balance", "lines"),
    [
        (Balance("leastconn"), ["balance leastconn"]),
        (Balance("random", draws=3), ["balance random(3)"]),
        (Balance("uri", consistent=True), ["balance uri", "hash-type consistent"]),
        (Balance("source"), ["balance source", "hash-type map-based"]),
        (Balance("hdr", "X-User", consistent=True), ["balance 'hdr(X-User)'", "hash-type consistent"]),
        (
            Balance("url_param", "user", consistent=True, hash_balance_factor=150),
            ["balance url_param 'user'", "hash-type consistent", "hash-balance-factor 150"],
        ),
    ],
)
def test_a_balance_in_haproxys_words(balance: Balance, lines: list[str]) -> None:
    assert backend_lines(BackendSettings(balance=balance))[: len(lines)] == lines


def test_refusals_come_in_the_order_deny_allow_rate_limit_and_say_which() -> None:
    settings = BackendSettings(
        allow=("10.0.0.0/8",), deny=("10.1.0.0/16", "::1/128"), rate_limit=RateLimit(5, 2.0, 1000, 429)
    )
    assert backend_lines(settings)[6:] == [
        "acl denied src '10.1.0.0/16' '::1/128'",
        "http-request set-var(txn.refused) str(denied) if denied",
        "acl allowed src '10.0.0.0/8'",
        "http-request set-var(txn.refused) str(denied) unless allowed",
        "http-request deny deny_status 403 if { var(txn.refused) -m found }",
        "stick-table type ipv6 size 1000 expire 4000ms store http_req_rate(2000ms)",
        "http-request track-sc0 src",
        "http-request set-var(txn.refused) str(rate_limited) if { sc_http_req_rate(0) gt 5 }",
        "http-request deny deny_status 429 if { var(txn.refused) -m found }",
    ]


def test_fullconn_stands_in_the_backend_only_when_set() -> None:
    assert "fullconn 100" in backend_lines(BackendSettings(fullconn=100))
    assert not any(line.startswith("fullconn") for line in backend_lines(BackendSettings()))


def test_headers_and_checks_are_quoted() -> None:
    settings = BackendSettings(
        request_headers=(Header("X-A", "it's 100%"),),
        response_headers=(Header("X-B", '"b"'),),
        check=HealthCheck(http_path="/ready"),
    )
    assert backend_lines(settings)[6:] == [
        "option httpchk",
        "http-check send meth GET uri '/ready'",
        r"http-request set-header 'X-A' 'it'\''s 100%%'",
        """http-response set-header 'X-B' '"b"'""",
    ]


def test_no_check_no_probe() -> None:
    text = render(config(BackendSettings(check=HealthCheck(enabled=False, http_path="/ready"))), PROCESS)[CONFIG_FILE]
    assert "check" not in text


def test_routes_become_two_maps() -> None:
    routes = (
        Route("tv.example", "/a", "Exact", "live"),
        Route("*.example", "/b/", "Prefix", "live"),
        Route(None, "/", "ImplementationSpecific", "live"),
    )
    files = render(config(None, *routes), PROCESS)
    assert files[EXACT_MAP] == "tv.example/a live\n"
    assert files[PREFIX_MAP] == "*.example/b/ live\n*/ live\n"


def test_a_default_backend_takes_the_place_of_the_404() -> None:
    without, with_one = (
        render(replace(config(), default_backend=default), PROCESS)[CONFIG_FILE] for default in (None, "live")
    )
    assert "return status 404" in without
    assert "return status 404" not in with_one
    assert "    default_backend live\n" in with_one


def test_timeouts_of_the_proxy_and_its_process() -> None:
    timeouts = Timeouts(client_s=1, http_request_s=2, http_keep_alive_s=3)
    process = replace(PROCESS, metrics_port=9000, hard_stop_s=60)
    text = render(replace(config(), timeouts=timeouts), process)[CONFIG_FILE]
    for line in (
        "timeout client 1000ms",
        "timeout http-request 2000ms",
        "timeout http-keep-alive 3000ms",
        "maxconn 1000",
        "hard-stop-after 60000ms",
        "stats socket unix@runtime-0.sock mode 600 level admin",
        "bind 127.0.0.1:9000",
    ):
        assert f"    {line}\n" in text


Wild = Callable[[str], ProxyConfig]
PLACES: dict[str, Wild] = {
    "header value": lambda text: config(BackendSettings(request_headers=(Header("X-A", text),))),
    "header name": lambda text: config(BackendSettings(response_headers=(Header(text, "a"),))),
    "exact path": lambda text: config(None, Route("tv.example", "/" + text, "Exact", "live")),
    "prefix": lambda text: config(None, Route("tv.example", "/" + text, "Prefix", "live")),
    "host": lambda text: config(None, Route(text, "/", "Prefix", "live")),
    "route's backend": lambda text: config(None, Route(None, "/", "Prefix", text)),
    "hdr": lambda text: config(BackendSettings(balance=Balance("hdr", text))),
    "url_param": lambda text: config(BackendSettings(balance=Balance("url_param", text))),
    "check": lambda text: config(BackendSettings(check=HealthCheck(http_path="/" + text))),
    "network": lambda text: config(BackendSettings(deny=(text,))),
    "backend": lambda text: replace(config(), backends=(Backend(text, BackendSettings()),)),
    "default backend": lambda text: replace(config(), default_backend=text),
    "server": lambda text: replace(
        config(), backends=(Backend("live", BackendSettings(), (replace(ONE, name=text),)),)
    ),
    "address": lambda text: replace(
        config(), backends=(Backend("live", BackendSettings(), (replace(ONE, address=text),)),)
    ),
    "bind": lambda text: replace(config(), bind_address=text),
}
evil = st.text() | st.tuples(
    st.text(), st.sampled_from(["\n    http-request deny", "\r\nglobal", "'\n", "\0", "\x0b", "\x85"])
).map("".join)


@given(st.sampled_from(sorted(PLACES)), evil)
def test_no_value_anywhere_can_add_a_line(place: str, value: str) -> None:
    tame = render(PLACES[place]("127.0.0.1"), PROCESS)
    try:
        wild = render(PLACES[place](value), PROCESS)
    except BalancerError:
        return
    assert {name: len(text.splitlines()) for name, text in wild.items()} == {
        name: len(text.splitlines()) for name, text in tame.items()
    }
    keywords = [re.findall(r"^ *\S*", text, re.MULTILINE) for text in (wild[CONFIG_FILE], tame[CONFIG_FILE])]
    assert keywords[0] == keywords[1]

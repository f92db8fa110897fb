import re
import time
from collections.abc import Callable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from balancer.errors import BalancerError
from balancer.haproxy.config import CONFIG_FILE, EXACT_MAP, PREFIX_MAP, Process, Renderer, render
from balancer.policy.config import (
    Backend,
    BackendSettings,
    Balance,
    BasicAuth,
    Certificate,
    Condition,
    Cors,
    Header,
    HealthCheck,
    Origins,
    ProxyConfig,
    RateLimit,
    Redirect,
    Rewrite,
    Route,
    Server,
    Timeouts,
    User,
)

PROCESS = Process("runtime-0.sock", 1000)
ONE, TWO = Server("one", 1, "127.0.0.1", 8080, maxconn=4), Server("two", 2, "127.0.0.2", 8080, state="drain")


def config(settings: BackendSettings | None = None, *routes: Route) -> ProxyConfig:
    backend = Backend("live", settings or BackendSettings(), (ONE, TWO))
    return ProxyConfig("127.0.0.1", 8000, routes, (backend,))


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


def test_tls_is_listened_for_only_with_a_port_and_asks_for_a_known_host_only_while_there_is_no_certificate() -> None:
    assert "ssl" not in render(config(), PROCESS)[CONFIG_FILE].replace("ssl_fc", "")
    bare = replace(config(), https_port=8443)
    one = replace(bare, certificates=(Certificate("a.pem", ("tv.example",), "secret"),))
    bind = "    bind 127.0.0.1:8443 ssl crt-list certificates.list alpn h2,http/1.1"
    assert f"{bind} strict-sni\n" in render(bare, PROCESS)[CONFIG_FILE]
    text = render(one, PROCESS)[CONFIG_FILE]
    assert f"{bind}\n" in text
    assert "    ssl-default-bind-options ssl-min-ver TLSv1.2\n" in text
    assert "secret" not in text


def test_a_conditional_route_is_asked_before_the_maps_and_stands_in_none() -> None:
    condition = Condition("req.cook(staging)", ("-m", "found"))
    exact, prefix = (
        Route("tv.example", "/a", "Exact", "live", condition),
        Route("*.example", "/b/", "Prefix", "live", Condition("method", ("-i",), ("get", "-f"))),
    )
    files = render(config(None, exact, prefix), PROCESS)
    assert (files[EXACT_MAP], files[PREFIX_MAP]) == ("", "")
    assert (
        "    acl route_0 req.cook(staging) -m found\n"
        "    acl host_0 var(txn.host) -m str -- 'tv.example'\n"
        "    acl path_0 var(txn.path) -m str -- '/a'\n"
        "    http-request set-var(txn.backend) str(live) if path_0 host_0 route_0 !{ var(txn.backend) -m found }\n"
        "    acl route_1 method -i -- 'get' '-f'\n"
        "    acl host_1 var(txn.wildcard) -m str -- '*.example'\n"
        "    acl path_1 var(txn.directory) -m beg -- '/b/'\n"
    ) in files[CONFIG_FILE]


def test_what_did_not_change_is_not_written_again() -> None:
    renderer, many = (
        Renderer(),
        replace(config(), backends=tuple(Backend(f"b{i}", BackendSettings()) for i in range(9))),
    )
    first = renderer.render(many, PROCESS)
    changed = replace(many, backends=(*many.backends[:8], Backend("b8", BackendSettings(retries=7))))
    second = renderer.render(changed, PROCESS)
    assert second == render(changed, PROCESS)
    assert second[CONFIG_FILE] != first[CONFIG_FILE]
    assert renderer.render(many, PROCESS) == first


def test_two_thousand_backends_of_which_one_changed_are_written_in_a_moment() -> None:
    routes = tuple(Route(f"h{i}.example", "/", "Prefix", f"b{i}") for i in range(2000))
    servers = tuple(Server(f"pod-{i}", i, "10.0.0.1", 8080) for i in range(1, 4))
    backends = tuple(Backend(f"b{i}", BackendSettings(), servers) for i in range(2000))
    many, renderer = ProxyConfig("127.0.0.1", 8000, routes, backends), Renderer()
    renderer.render(many, PROCESS)
    took_s = []
    for retries in range(5):
        many = replace(many, backends=(Backend("b0", BackendSettings(retries=retries)), *backends[1:]))
        began = time.perf_counter()
        renderer.render(many, PROCESS)
        took_s.append(time.perf_counter() - began)
    assert min(took_s) < 0.06


Wild = Callable[[str], ProxyConfig]
PLACES: dict[str, Wild] = {
    "header value": lambda text: config(BackendSettings(request_headers=(Header("X-A", text),))),
    "header name": lambda text: config(BackendSettings(response_headers=(Header(text, "a"),))),
    "evaluated header": lambda text: config(BackendSettings(request_headers=(Header("X-A", text, evaluated=True),))),
    "source header": lambda text: config(BackendSettings(source_header="a" + text)),
    "set-host": lambda text: config(BackendSettings(host="a" + text)),
    "redirect": lambda text: config(BackendSettings(redirect=Redirect("a" + text))),
    "pattern": lambda text: config(BackendSettings(rewrites=(Rewrite(text, "/"),))),
    "replacement": lambda text: config(BackendSettings(rewrites=(Rewrite("/", text),))),
    "cookie": lambda text: config(BackendSettings(cookie="a" + text)),
    "origin": lambda text: config(BackendSettings(cors=Cors(enabled=True, origins=Origins(exactly=(text,))))),
    "origins": lambda text: config(BackendSettings(cors=Cors(enabled=True, origins=Origins(pattern="a" + text)))),
    "methods": lambda text: config(BackendSettings(cors=Cors(enabled=True, methods=text))),
    "allowed headers": lambda text: config(BackendSettings(cors=Cors(enabled=True, headers=text))),
    "exposed headers": lambda text: config(BackendSettings(cors=Cors(enabled=True, exposed="a" + text))),
    "realm": lambda text: config(BackendSettings(auth=BasicAuth(enabled=True, realm=text))),
    "user": lambda text: config(BackendSettings(auth=BasicAuth(enabled=True, users=(User(text, "x"),)))),
    "password": lambda text: config(BackendSettings(auth=BasicAuth(enabled=True, users=(User("x", text),)))),
    "exempt": lambda text: config(BackendSettings(rate_limit=RateLimit(1, exempt=(text,)))),
    "condition": lambda text: config(None, Route(None, "/", "Prefix", "live", Condition(text))),
    "condition's value": lambda text: config(None, Route(None, "/", "Prefix", "live", Condition("path", (), (text,)))),
    "conditional host": lambda text: config(None, Route("a" + text, "/", "Prefix", "live", Condition("path"))),
    "conditional path": lambda text: config(None, Route(None, "/" + text, "Exact", "live", Condition("path"))),
    "snippet": lambda text: config(BackendSettings(snippet=("acl " + text,))),
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

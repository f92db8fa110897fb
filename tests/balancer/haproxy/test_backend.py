import pytest

from balancer.haproxy.backend import backend_lines
from balancer.policy.config import (
    Backend,
    BackendSettings,
    Balance,
    BasicAuth,
    Cors,
    Header,
    HealthCheck,
    HttpsRedirect,
    Link,
    Origins,
    RateLimit,
    Redirect,
    Rewrite,
    Server,
    User,
)

ONE, TWO = Server("one", 1, "127.0.0.1", 8080, maxconn=4), Server("two", 2, "127.0.0.2", 8080, state="drain")
PREFLIGHT = "METH_OPTIONS { req.hdr(access-control-request-method) -m found }"
PLAIN = len(list(backend_lines(Backend("live", BackendSettings()), https=True)))


def section(settings: BackendSettings, *, https: bool = True) -> list[str]:
    return [line.strip() for line in backend_lines(Backend("live", settings), https=https)]


def added(settings: BackendSettings, *, https: bool = True) -> list[str]:
    """What follows the lines that every backend has."""
    return section(settings, https=https)[PLAIN:]


def test_a_backend_of_plain_settings() -> None:
    assert list(backend_lines(Backend("live", BackendSettings(), (ONE, TWO)), https=True)) == [
        "backend live",
        "    balance roundrobin",
        "    retries 3",
        "    option forwardfor",
        "    timeout queue 5000ms",
        "    timeout connect 5000ms",
        "    timeout server 50000ms",
        "    timeout tunnel 3600000ms",
        "    server one 127.0.0.1:8080 id 1 weight 100 maxconn 4 check inter 2000ms fall 3 rise 2",
        "    server two 127.0.0.2:8080 id 2 weight 100 check inter 2000ms fall 3 rise 2 disabled",
    ]


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
    assert section(BackendSettings(balance=balance))[1 : len(lines) + 1] == lines


def test_refusals_come_in_the_order_deny_allow_rate_limit_and_say_which() -> None:
    settings = BackendSettings(
        allow=("10.0.0.0/8",),
        deny=("10.1.0.0/16", "::1/128"),
        rate_limit=RateLimit(5, 2.0, 1000, 429, exempt=("10.9.0.0/16",)),
    )
    assert added(settings) == [
        "acl denied src '10.1.0.0/16' '::1/128'",
        "http-request set-var(txn.refused) str(denied) if denied",
        "acl allowed src '10.0.0.0/8'",
        "http-request set-var(txn.refused) str(denied) unless allowed",
        "http-request deny deny_status 403 if { var(txn.refused) -m found }",
        "stick-table type ipv6 size 1000 expire 4000ms store http_req_rate(2000ms)",
        "acl exempt src '10.9.0.0/16'",
        "http-request track-sc0 src unless exempt",
        "http-request set-var(txn.refused) str(rate_limited) if { sc_http_req_rate(0) gt 5 }",
        "http-request deny deny_status 429 if { var(txn.refused) -m found }",
    ]


def test_fullconn_stands_in_the_backend_only_when_set() -> None:
    assert "fullconn 100" in section(BackendSettings(fullconn=100))
    assert not any(line.startswith("fullconn") for line in section(BackendSettings()))


def test_headers_are_quoted_and_only_an_expression_is_evaluated() -> None:
    settings = BackendSettings(
        request_headers=(Header("X-A", "it's 100% %[src]"), Header("X-C", "src", evaluated=True)),
        response_headers=(Header("X-B", '"b"'),),
    )
    assert added(settings) == [
        r"http-request set-header 'X-A' 'it'\''s 100%% %%[src]'",
        "http-request set-header 'X-C' '%[src]'",
        """http-response set-header 'X-B' '"b"'""",
    ]


def test_a_check_has_its_method_and_time() -> None:
    check = HealthCheck(http_path="/ready", http_method="HEAD", timeout_s=1)
    assert added(BackendSettings(check=check)) == [
        "timeout check 1000ms",
        "option httpchk",
        "http-check send meth HEAD uri '/ready'",
    ]


def test_no_check_no_probe() -> None:
    check = HealthCheck(enabled=False, http_path="/ready", timeout_s=1)
    assert not any(
        "check" in line for line in backend_lines(Backend("live", BackendSettings(check=check), (ONE,)), https=True)
    )


def test_a_plain_request_goes_to_https_only_where_the_proxy_listens_for_it() -> None:
    settings = BackendSettings(https_redirect=HttpsRedirect(enabled=True, code=301, port=8443))
    assert added(settings) == [
        "http-request redirect location 'https://%[req.hdr(host),host_only]:8443%[pathq]' code 301 unless { ssl_fc }"
    ]
    assert added(settings, https=False) == []
    usual = BackendSettings(https_redirect=HttpsRedirect(enabled=True))
    assert "host_only]%[pathq]' code 302" in added(usual)[0]


def test_a_redirect_keeps_path_query_and_unless_told_the_scheme() -> None:
    assert added(BackendSettings(redirect=Redirect("new.example:81", None, 308))) == [
        "http-request redirect location '%[ssl_fc,iif(https,http)]://new.example:81%[pathq]' code 308"
    ]
    assert "'https://new.example%[pathq]'" in added(BackendSettings(redirect=Redirect("new.example", "https")))[0]


def test_host_and_path_change_after_everything_that_refuses() -> None:
    settings = BackendSettings(host="inner.example", rewrites=(Rewrite("/a%20b/(.*)", r"/100%/\1"),), deny=("::1/128",))
    assert added(settings)[3:] == [
        "http-request set-header Host 'inner.example'",
        r"http-request replace-path '/a%20b/(.*)' '/100%%/\1'",
    ]


def test_a_password_is_asked_for_before_a_redirect_and_the_users_stand_in_a_list_of_the_backends_name() -> None:
    auth = BasicAuth(enabled=True, realm="It's ours", users=(User("ann", "$1$abc$x"),))
    lines = section(BackendSettings(auth=auth, redirect=Redirect("b.example")))
    assert lines[:3] == ["userlist live", "user 'ann' password '$1$abc$x'", "backend live"]
    assert lines[-2] == r"http-request auth realm 'It'\''s ours' unless { http_auth(live) }"


def test_origins_are_compared_to_the_letter_or_by_a_pattern_and_named_in_vary() -> None:
    exactly = added(BackendSettings(cors=Cors(enabled=True, origins=Origins(exactly=("https://a.example",)))))
    assert exactly[1] == "acl origin_allowed var(txn.origin) -m str -i -- 'https://a.example'"
    assert exactly[2].endswith("Access-Control-Allow-Origin '%[var(txn.origin)]' if origin_allowed")
    assert exactly[-1] == "http-after-response add-header Vary Origin"
    pattern = added(BackendSettings(cors=Cors(enabled=True, origins=Origins(pattern="^https://.*$"))))
    assert pattern[1] == "acl origin_allowed var(txn.origin) -m reg -- '^https://.*$'"


def test_cors_says_what_it_was_given_and_answers_a_preflight_only_when_asked() -> None:
    cors = Cors(
        enabled=True,
        methods="GET",
        headers="X-A",
        exposed="X-B",
        credentials=True,
        max_age_s=60,
        answers_preflight=True,
    )
    assert added(BackendSettings(cors=cors)) == [
        "http-request set-var(txn.origin) req.fhdr(origin)",
        "acl origin_allowed var(txn.origin) -m found",
        "http-after-response set-header Access-Control-Allow-Origin '*' if origin_allowed",
        "http-after-response set-header Access-Control-Allow-Methods 'GET' if origin_allowed",
        "http-after-response set-header Access-Control-Allow-Headers 'X-A' if origin_allowed",
        "http-after-response set-header Access-Control-Max-Age 60 if origin_allowed",
        "http-after-response set-header Access-Control-Expose-Headers 'X-B' if origin_allowed",
        "http-after-response set-header Access-Control-Allow-Credentials true if origin_allowed",
        f"http-request return status 204 if origin_allowed {PREFLIGHT}",
    ]
    assert added(BackendSettings(cors=Cors(methods="GET"))) == []


def test_the_clients_address_is_replaced_before_lists_look_at_it() -> None:
    settings = BackendSettings(source_header="True-Client-IP", deny=("::1/128",))
    assert added(settings)[:2] == ["http-request set-src 'req.hdr(True-Client-IP)'", "acl denied src '::1/128'"]


def test_x_forwarded_for_can_be_left_out() -> None:
    assert "option forwardfor" not in section(BackendSettings(forwarded_for=False))


def test_a_cookie_is_made_of_the_pods_address() -> None:
    assert added(BackendSettings(cookie="who")) == [
        "cookie 'who' insert indirect nocache dynamic",
        "dynamic-cookie-key 'who'",
    ]


def test_a_snippet_stands_before_the_servers() -> None:
    lines = list(backend_lines(Backend("live", BackendSettings(snippet=("stick on src",)), (ONE,)), https=True))
    assert lines[-2] == "    stick on src"


def test_a_pod_is_spoken_to_as_its_link_says() -> None:
    server = Server("one", 1, "127.0.0.1", 8080, link=Link(tls=True))
    assert "ssl verify none" in list(backend_lines(Backend("live", BackendSettings(), (server,)), https=True))[-1]

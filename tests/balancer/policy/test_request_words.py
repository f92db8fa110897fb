from typing import Any

import pytest

from balancer.policy.annotations import Layer, settings_from
from balancer.policy.config import (
    BackendSettings,
    BasicAuth,
    Condition,
    Cors,
    Header,
    HttpsRedirect,
    Link,
    Origins,
    Redirect,
    Rewrite,
)
from balancer.policy.patterns import NEVER
from balancer.policy.request_words import REQUEST_WORDS

SAID = {
    "request-set-header": ("X-A b", BackendSettings(request_headers=(Header("X-A", "b"),))),
    "response-set-header": ("X-A b", BackendSettings(response_headers=(Header("X-A", "b"),))),
    "set-host": ("inner.example", BackendSettings(host="inner.example")),
    "path-rewrite": (r"/a/(.*) /\1", BackendSettings(rewrites=(Rewrite("/a/(.*)", r"/\1"),))),
    "request-redirect": ("https://b.example", BackendSettings(redirect=Redirect("b.example", "https"))),
    "request-redirect-code": ("301", BackendSettings(redirect=Redirect(code=301))),
    "ssl-redirect": ("true", BackendSettings(https_redirect=HttpsRedirect(enabled=True))),
    "ssl-redirect-code": ("301", BackendSettings(https_redirect=HttpsRedirect(code=301))),
    "ssl-redirect-port": ("8443", BackendSettings(https_redirect=HttpsRedirect(port=8443))),
    "cors-enable": ("true", BackendSettings(cors=Cors(enabled=True))),
    "cors-allow-origin": ("https://a.example", BackendSettings(cors=Cors(origins=Origins(("https://a.example",))))),
    "cors-allow-methods": ("get", BackendSettings(cors=Cors(methods="GET"))),
    "cors-allow-headers": ("X-A,X-B", BackendSettings(cors=Cors(headers="X-A, X-B"))),
    "cors-expose-headers": ("X-A", BackendSettings(cors=Cors(exposed="X-A"))),
    "cors-allow-credentials": ("true", BackendSettings(cors=Cors(credentials=True))),
    "cors-max-age": ("1m", BackendSettings(cors=Cors(max_age_s=60.0))),
    "cors-respond-to-options": ("true", BackendSettings(cors=Cors(answers_preflight=True))),
    "auth-type": ("basic-auth", BackendSettings(auth=BasicAuth(enabled=True))),
    "auth-secret": ("shop/users", BackendSettings(auth=BasicAuth(secret="shop/users"))),
    "auth-realm": ("Ours", BackendSettings(auth=BasicAuth(realm="Ours"))),
    "src-ip-header": ("True-Client-IP", BackendSettings(source_header="True-Client-IP")),
    "forwarded-for": ("false", BackendSettings(forwarded_for=False)),
    "cookie-persistence": ("who", BackendSettings(cookie="who")),
    "route-acl": ("cookie(a) -m found", BackendSettings(when=Condition("req.cook(a)", ("-m", "found")))),
    "server-ssl": ("true", BackendSettings(link=Link(tls=True))),
    "server-proto": ("h2", BackendSettings(link=Link(http2=True))),
    "send-proxy-protocol": ("proxy-v2-ssl", BackendSettings(link=Link(proxy_header="v2-ssl"))),
    "backend-config-snippet": ("stick on src", BackendSettings(snippet=("stick on src",))),
}


@pytest.mark.parametrize("word", REQUEST_WORDS)
def test_every_word_changes_what_it_says_and_nothing_else(word: str) -> None:
    text, wanted = SAID[word]
    known = REQUEST_WORDS[word]
    assert known.apply(BackendSettings(), known.read(text)) == wanted


def read(words: dict[str, str], **how: Any) -> tuple[BackendSettings, list[str]]:
    entries = {f"haproxy.org/{word}": value for word, value in words.items()}
    settings, problems = settings_from([Layer(0, ("metadata", "annotations"), entries)], **how)
    return settings, [f"{problem.path[-1]}".removeprefix("haproxy.org/") for problem in problems]


def test_snippets_are_read_only_where_the_administrator_allows_them() -> None:
    words = {"backend-config-snippet": "stick on src"}
    assert read(words) == (BackendSettings(), ["backend-config-snippet"])
    assert read(words, allow_snippets=True) == (BackendSettings(snippet=("stick on src",)), [])


def test_with_tls_plain_requests_go_to_https_unless_an_annotation_says_no() -> None:
    assert read({}, tls=("tv.example",))[0].https_redirect.enabled is True
    assert read({"ssl-redirect": "false"}, tls=("tv.example",))[0].https_redirect.enabled is False
    assert read({"ssl-redirect": "maybe"}, tls=("tv.example",)) == (read({}, tls=("tv.example",))[0], ["ssl-redirect"])


def test_cors_words_without_the_one_that_enables_them_say_nothing_and_are_told() -> None:
    assert read({"cors-allow-methods": "GET"}) == (BackendSettings(), ["cors-allow-methods"])
    assert read({"cors-enable": "false", "cors-allow-methods": "GET"}) == (BackendSettings(), [])


def test_credentials_for_every_origin_are_told_since_browsers_refuse_them() -> None:
    assert read({"cors-enable": "true", "cors-allow-credentials": "true"})[1] == ["cors-allow-credentials"]


def test_a_password_that_nobody_can_know_lets_nobody_in_and_is_told() -> None:
    settings, told = read({"auth-type": "basic-auth"})
    assert (settings.auth.enabled, settings.auth.users, told) == (True, (), ["auth-type"])
    assert read({"auth-type": "digest", "auth-secret": "users"})[0].auth.enabled


def test_a_secret_without_the_word_that_asks_for_it_is_told() -> None:
    assert set(read({"auth-secret": "users", "auth-realm": "Ours"})[1]) == {"auth-secret", "auth-realm"}


def test_a_redirects_code_alone_is_told() -> None:
    assert read({"request-redirect-code": "301"})[1] == ["request-redirect-code"]


def test_an_unreadable_condition_gives_its_route_to_nobody() -> None:
    assert read({"route-acl": "nonsense"}) == (BackendSettings(when=NEVER), ["route-acl"])

"""Nothing that stands in an object can become more than a value: HAProxy itself reads what is written of wild texts."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from balancer.haproxy.certificates import certificate_files
from balancer.haproxy.config import CONFIG_FILE, Process, render
from balancer.policy.annotations import OLD_NAMES, VOCABULARY
from balancer.policy.config import ProxyConfig, Route
from balancer.policy.desired import without_servers
from balancer.policy.manifests import read_manifests
from tests.integration.conftest import haproxy_under_test

pytestmark = pytest.mark.integration

PREFIX = "haproxy.org/"
# What a configuration of ours may begin a line with, and no other: a word more would be an injection.
DIRECTIVES = {
    "global", "log", "stats", "nbthread", "maxconn", "hard-stop-after", "mworker-max-reloads", "defaults",
    "ssl-default-bind-options", "mode", "option", "http-reuse", "timeout", "frontend", "bind", "log-format", "acl", "http-request", "use_backend",
    "default_backend", "backend", "balance", "hash-type", "hash-balance-factor", "retries", "fullconn", "http-check", "stick-table",
    "http-response", "http-after-response", "cookie", "dynamic-cookie-key", "userlist", "user", "no",
}  # fmt: skip
# What wild texts must never turn into, wherever they stand.
MARK = "injected"
ATTACKS = (
    f"x\n    http-request set-header {MARK} 1", f"x\r\nfrontend {MARK}", f"x\n\nbackend {MARK}", f"' {MARK} '", f'" {MARK} "',
    f"x # {MARK}", f"x if TRUE\n{MARK}", f"%[env({MARK})]", f"%[lua.{MARK}]", "%[src", "%%", "%", "%{+Q}o", "\\", "\\\n", "x \\", "'", '"',
    "}", "{ src }", "} || { always_true", "x unless FALSE", "${HOME}", "$HOME", '"${HOME}"', "-f /etc/passwd", "-M -f x",
    "src -f /etc/passwd", "path -m reg (", "path -m str -- }", "path -m beg -i -f", "str(x),debug", "0", "-1", "1 1", "9" * 99, "\0",
    "\x0b", "\x85", "\u2028", "é", "(", "[", "(?", "a{9999}", "[[:x:]]", "\\1", "\\0", "(.*) \\9", ".* /%[src]", "/a /b if TRUE",
    "X-A b\nX-B %[src]", "X-A %[req.hdr(a'b)]", "X-A %[src,lower]", "X'A b", "X-A '", 'X-A "', "X%A %", "a,b;c", "https://(", "https://a'b",
    "basic-auth", "true", "uri", "hdr(a'b)", "hdr(%)", 'hdr(a"b)', "url_param a'b", "leastconn", "random(3)", "10.0.0.0/8", "5s", "h2",
    "/ready'", "HEAD /a%20b#c HTTP/1.1", "GET /{x}", "hdr(host) -m sub }", "rand(100) lt 10", "method -i get", "ssl_fc", "cookie(a) -m found",
)  # fmt: skip
wild = (
    st.sampled_from(ATTACKS)
    | st.text(max_size=60)
    | st.text("ab/'\"\\%[]{}()$#;| \t\n\r.*+?^-_=:,10", max_size=40)
    | st.tuples(st.sampled_from(ATTACKS), st.sampled_from(ATTACKS)).map("".join)
)
WORDS = [*VOCABULARY, *OLD_NAMES]
some_words = st.dictionaries(st.sampled_from(WORDS), wild, max_size=12)
# With these the others have an effect.
AWAKE = {
    "rate-limit-requests": "9", "cors-enable": "true", "auth-type": "basic-auth", "request-redirect": "a.example",
    "ssl-redirect": "true", "check-http": "/a",
}  # fmt: skip
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


def objects(words: Mapping[str, str], host: str, path: str) -> ProxyConfig:
    """What is wished for when these texts stand in Ingress, Service and ConfigMap of an untouched neighbour."""
    wished = {PREFIX + word: text for word, text in words.items()}
    rules = [
        {"host": host, "http": {"paths": [{"path": path, "pathType": "Prefix", "backend": backend("live")}]}},
        {"host": "good.example", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend("good")}]}},
    ]
    documents: list[Mapping[str, object]] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "matchday"}, "data": dict(words)},
        service("live", wished),
        service("good", {}),
        {
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "live", "annotations": wished},
            "spec": {"rules": rules},
        },
    ]  # fmt: skip
    manifests, _ = read_manifests(documents)
    frame = without_servers(manifests, bind_address="127.0.0.1", bind_port=8000).config
    routes = tuple(
        Route(route.host, route.path, route.path_type, route.backend, frame.backend(route.backend).settings.when)
        for route in frame.routes
    )
    return ProxyConfig(
        "127.0.0.1", 8000, routes, frame.backends, frame.default_backend, frame.timeouts, https_port=8443
    )


def backend(name: str) -> dict[str, object]:
    return {"service": {"name": name, "port": {"name": "http"}}}


def service(name: str, words: Mapping[str, str]) -> dict[str, object]:
    spec = {"selector": {"app": name}, "ports": [{"name": "http", "port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "annotations": words}, "spec": spec}


def read_by_haproxy(config: ProxyConfig) -> str:
    """The configuration as written, once HAProxy has taken it."""
    files = {**render(config, Process("s.sock", 100)), **certificate_files(config.certificates)}
    with tempfile.TemporaryDirectory() as directory:
        for file, text in files.items():
            (Path(directory) / file).write_text(text, encoding="ascii")
        command = [str(haproxy_under_test().path), "-c", "-f", CONFIG_FILE]
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr + files[CONFIG_FILE]
    return files[CONFIG_FILE]


def words_of(line: str) -> list[str]:
    """A line without what stands in single quotes, which HAProxy takes as it is."""
    return re.sub(r"'(?:[^']|'\\'')*'", "''", line).split()


def assert_nothing_new(text: str) -> None:
    for line in filter(str.strip, text.splitlines()):
        bare = words_of(line)
        assert bare[0] in DIRECTIVES, line
        assert MARK not in " ".join(bare), line
        assert not any(sign in " ".join(bare) for sign in ("#", "$", '"')), line
    assert re.findall(r"^(?:frontend|backend|listen) .*", text, re.MULTILINE) == [
        "frontend http",
        "backend default_live_http",
        "backend default_good_http",
    ]


@pytest.mark.parametrize("word", WORDS)
def test_no_value_of_an_annotation_becomes_more_than_a_value(word: str) -> None:
    for attack in ATTACKS:
        assert_nothing_new(
            render(objects({**AWAKE, word: attack}, "a.example", "/"), Process("s.sock", 100))[CONFIG_FILE]
        )


@settings(deadline=None, suppress_health_check=SLOW, max_examples=60)
@given(some_words, st.booleans())
@example({"load-balance": "hdr(a'b)"}, False)
def test_haproxy_takes_whatever_stands_in_annotations(words: dict[str, str], awake: bool) -> None:
    assert_nothing_new(read_by_haproxy(objects({**(AWAKE if awake else {}), **words}, "a.example", "/")))


@settings(deadline=None, suppress_health_check=SLOW, max_examples=30)
@given(wild, wild)
def test_haproxy_takes_whatever_stands_for_host_and_path(host: str, path: str) -> None:
    text = read_by_haproxy(objects({"route-acl": "path_beg /x"}, host, path))
    bare = [" ".join(words_of(line)) for line in text.splitlines()]
    assert not any(MARK in line for line in bare)
    assert {line.split()[0] for line in bare if line} <= DIRECTIVES


@pytest.mark.parametrize("word", ["path-rewrite", "cors-allow-origin", "route-acl"])
@settings(deadline=None, suppress_health_check=SLOW, max_examples=40)
@given(st.lists(st.text("ab/.*+?()[]{}|^$\\d-9,:", min_size=1, max_size=12), min_size=30, max_size=60))
def test_every_pattern_that_is_taken_is_one_for_haproxy_too(word: str, patterns: list[str]) -> None:
    form = {"path-rewrite": "{} /x", "cors-allow-origin": "{}", "route-acl": "path -m reg '{}'"}[word]
    shared = {"cors-enable": "true"} if word == "cors-allow-origin" else {}
    documents: list[Mapping[str, object]] = []
    paths = []
    for number, pattern in enumerate(patterns):
        text = form.replace("{}", pattern)
        documents.append(service(f"s{number}", {PREFIX + k: v for k, v in {**shared, word: text}.items()}))
        paths.append({"path": f"/{number}", "pathType": "Prefix", "backend": backend(f"s{number}")})
    ingress = {
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "live"}, "spec": {"rules": [{"http": {"paths": paths}}]},
    }  # fmt: skip
    manifests, problems = read_manifests([*documents, ingress])
    assert problems == ()
    frame = without_servers(manifests, bind_address="127.0.0.1", bind_port=8000).config
    routes = tuple(
        Route(route.host, route.path, route.path_type, route.backend, frame.backend(route.backend).settings.when)
        for route in frame.routes
    )
    read_by_haproxy(ProxyConfig("127.0.0.1", 8000, routes, frame.backends))

from __future__ import annotations

import json
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Gauge

from balancer.kube.http import Answer, Answers, HttpServer, Request, as_json, own_answers
from balancer.kube.serving_certificate import make_pair, server_context
from tests.balancer.kube.certificates import Client, ask, client, client_context


def echo(request: Request) -> Answer:
    if request.path == "/fail":
        raise RuntimeError
    return as_json(200, {"path": request.path, "query": dict(request.query), "client": request.client})


@contextmanager
def served(answers: Answers = echo) -> Iterator[int]:
    server = HttpServer("127.0.0.1", 0, answers)
    server.start()
    try:
        yield server.port
    finally:
        server.close()


def get(port: int, path: str, method: str = "GET") -> tuple[int, bytes, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, response.read(), response.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers["Content-Type"]


def test_path_and_query_reach_the_function() -> None:
    with served() as port:
        status, body, content_type = get(port, "/a/b?labelSelector=service%3Dlive")
    assert (status, content_type) == (200, "application/json")
    assert json.loads(body) == {"path": "/a/b", "query": {"labelSelector": "service=live"}, "client": ""}


def test_one_connection_serves_many_requests() -> None:
    with served() as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        for _ in range(3):
            connection.request("GET", "/")
            assert connection.getresponse().read()
        connection.close()


def test_a_head_has_no_body_and_other_methods_are_refused() -> None:
    with served() as port:
        assert get(port, "/", "HEAD")[:2] == (200, b"")
        assert get(port, "/", "POST")[0] == 501


def test_a_mistake_of_ours_is_a_500_and_the_next_request_is_answered() -> None:
    with served() as port:
        assert get(port, "/fail")[0] == 500
        assert get(port, "/")[0] == 200


def test_silent_clients_keep_nobody_from_being_answered() -> None:
    with served() as port:
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        assert get(port, "/")[0] == 200
        for connection in silent:
            connection.close()


def test_connections_beyond_the_limit_are_closed_and_room_comes_back() -> None:
    with served() as port:
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
        late = socket.create_connection(("127.0.0.1", port), timeout=5)
        assert late.recv(1) == b""
        for connection in [*held, late]:
            connection.close()
        deadline = time.monotonic() + 10
        answered = False
        while not answered and time.monotonic() < deadline:
            try:
                answered = get(port, "/")[0] == 200
            except OSError:
                continue
        assert answered


def test_it_listens_on_ipv6() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        server = HttpServer("::1", 0, echo)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    server.start()
    with urllib.request.urlopen(f"http://[::1]:{server.port}/", timeout=5) as response:
        assert response.status == 200
    server.close()


def test_kubelet_prometheus_and_peers_are_told() -> None:
    states, registry = {"ready": False}, CollectorRegistry()
    Gauge("matchday_leader", "who", registry=registry).set(1)
    answers = own_answers(
        healthy=lambda: True,
        ready=lambda: states["ready"],
        registry=registry,
        load=lambda: {"services": []},
        proxy=lambda: "matchday_proxy_up 1\n",
    )
    with served(answers) as port:
        assert get(port, "/healthz")[0] == 200
        assert get(port, "/readyz")[0] == 503
        states["ready"] = True
        assert get(port, "/readyz")[0] == 200
        assert get(port, "/load")[:2] == (200, b'{"services": []}')
        status, body, content_type = get(port, "/metrics")
        assert (status, content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert body.endswith(b"\nmatchday_leader 1.0\nmatchday_proxy_up 1\n")
        assert get(port, "/nothing")[0] == 404


class Tls:
    """A server that lets in clients of one authority; the server's pair can be changed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.pair = make_pair(("localhost",), datetime.now(UTC))
        self.friend, self.stranger = client("front-proxy"), client("front-proxy")
        self.server = HttpServer("127.0.0.1", 0, echo, self.context)
        self.server.start()

    def context(self) -> ssl.SSLContext:
        return server_context(self.pair, self.friend.authority)

    def ask(self, who: Client | None) -> tuple[int, Any]:
        return ask(self.server.port, "/", client_context(self.directory, self.pair.authorities, who))


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[Tls]:
    found = Tls(tmp_path)
    yield found
    found.server.close()


def test_a_client_of_the_authority_is_answered_by_its_name(tls: Tls) -> None:
    status, told = tls.ask(tls.friend)
    assert (status, told["client"]) == (200, "front-proxy")


def test_who_has_no_certificate_is_not_answered(tls: Tls) -> None:
    with pytest.raises(OSError, match=r"certificate required|reset|EOF|closed|Broken pipe"):
        tls.ask(None)


def test_who_has_a_strangers_certificate_is_not_answered(tls: Tls) -> None:
    with pytest.raises(OSError, match=r"unknown ca|decrypt error|reset|EOF|closed|Broken pipe"):
        tls.ask(tls.stranger)


def test_a_client_that_does_not_trust_us_stays_away_and_others_are_answered(tls: Tls) -> None:
    context = client_context(tls.directory, make_pair(("localhost",), datetime.now(UTC)).authorities, tls.friend)
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(tls.server.port, "/", context)
    assert tls.ask(tls.friend)[0] == 200


def test_a_slow_handshake_delays_nobody(tls: Tls) -> None:
    with socket.create_connection(("127.0.0.1", tls.server.port)):
        assert tls.ask(tls.friend)[0] == 200


def test_a_renewed_certificate_is_shown_to_the_next_connection(tls: Tls) -> None:
    assert tls.ask(tls.friend)[0] == 200
    tls.pair = make_pair(("localhost",), datetime.now(UTC))
    assert tls.ask(tls.friend)[0] == 200

"""The controller's own HTTP: who asks gets an answer from a function of the request, over TLS if wanted."""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6, socket
from threading import BoundedSemaphore, Thread
from urllib.parse import parse_qsl, urlsplit

import structlog
from prometheus_client import CollectorRegistry, generate_latest

_log = structlog.get_logger()
# The API server keeps connections for the next request; a silent client must not hold a thread for ever.
_IDLE_S = 60.0
_HANDSHAKE_S = 5.0
_MOST_CONNECTIONS = 100
_POLL_S = 0.1
# Source: Prometheus, exposition formats
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Request:
    """What was asked for. `client` is the common name of the client's certificate, empty without one."""

    path: str
    query: Mapping[str, str]
    client: str = ""


@dataclass(frozen=True)
class Answer:
    """What to say."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


Answers = Callable[[Request], Answer]


def as_json(status: int, body: object) -> Answer:
    """An answer for programs."""
    return Answer(status, json.dumps(body).encode(), "application/json")


class HttpServer:
    """Answers GET in threads of its own from `start` to `close`.

    `tls` gives the context for each new connection, so that certificates can change; None is plain HTTP.
    """

    def __init__(
        self, address: str, port: int, answers: Answers, tls: Callable[[], ssl.SSLContext] | None = None
    ) -> None:
        self._server = _Server(address, port, answers, tls)
        self._thread = Thread(target=self._server.serve_forever, args=(_POLL_S,), name=f"http-{self.port}", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on, also when 0 was asked for."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening; requests under way are not waited for."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


def own_answers(
    *,
    healthy: Callable[[], bool],
    ready: Callable[[], bool],
    registry: CollectorRegistry,
    load: Callable[[], object],
    proxy: Callable[[], str] = str,
) -> Answers:
    """What the controller tells kubelet, Prometheus and its peers: /healthz, /readyz, /metrics, /load.

    `proxy` gives metrics that are text already.
    """

    def answer(request: Request) -> Answer:
        if request.path == "/metrics":
            return Answer(200, generate_latest(registry) + proxy().encode(), _PROMETHEUS)
        if request.path == "/load":
            return as_json(200, load())
        checks = {"/healthz": healthy, "/livez": healthy, "/readyz": ready}
        if request.path not in checks:
            return Answer(404, b"one of /healthz /readyz /metrics /load\n")
        good = checks[request.path]()
        return Answer(200 if good else 503, b"ok\n" if good else b"not yet\n")

    return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: str, port: int, answers: Answers, tls: Callable[[], ssl.SSLContext] | None) -> None:
        if ":" in address:
            self.address_family = AF_INET6
        self.answers, self.tls = answers, tls
        self._free = BoundedSemaphore(_MOST_CONNECTIONS)
        super().__init__((address, port), _Handler)

    def process_request(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - the base class's
        _log.debug("connection failed", client=str(client_address), why=repr(sys.exception()))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "matchday"
    sys_version = ""
    timeout = _IDLE_S
    server: _Server

    def setup(self) -> None:
        self.client = ""
        if self.server.tls is not None:
            # in this connection's thread, so that a slow client delays nobody
            self.request.settimeout(_HANDSHAKE_S)
            self.request = self.server.tls().wrap_socket(self.request, server_side=True)
            self.client = _common_name(self.request.getpeercert() or {})
        super().setup()

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.request.close()

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        request = Request(parts.path, dict(parse_qsl(parts.query)), self.client)
        try:
            answer = self.server.answers(request)
        except Exception as error:  # noqa: BLE001 - whoever asks gets an answer, whatever went wrong
            _log.error("no answer", path=parts.path, why=repr(error))
            answer = Answer(500, b"internal error\n")
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(answer.body)

    do_HEAD = do_GET  # noqa: N815 - the base class looks for this name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        _log.debug("http", line=format % args)


def _common_name(certificate: Mapping[str, object]) -> str:
    """Source: the form of ssl.SSLSocket.getpeercert."""
    subject = certificate.get("subject", ())
    assert isinstance(subject, tuple)
    return next((value for rdn in subject for name, value in rdn if name == "commonName"), "")

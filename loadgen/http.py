"""One HTTP/1.1 attempt over kept connections, bounded in time.

The request is bytes that are ready to be sent and the answer is read by geventhttpclient's parser; its client would
build and check each request anew, which costs as much as all the rest (docs/adr/0009-the-generators-hot-path.md).
"""

from __future__ import annotations

import errno
import select
import socket
import ssl
from typing import Any, NamedTuple

import gevent
import gevent.socket
import gevent.ssl
from gevent.monkey import get_original
from geventhttpclient._parser import HTTPParseError, HTTPResponseParser

# Each client keeps a connection or more; more clients than this would use up the descriptors.
_MOST_KEPT_ALIVE = 5_000
_READ_BYTES = 65_536
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})  # Source: RFC 9110, 9.2.2
OWN_LIMITS = {errno.EMFILE: "descriptors", errno.ENFILE: "descriptors", errno.EADDRNOTAVAIL: "ports"}
_IP_BIND_ADDRESS_NO_PORT = 24  # Source: linux/in.h
_poll = get_original("select", "poll")


class Answer(NamedTuple):
    """`status` 0 means none; `error` is empty, timeout, connect, reset or other.

    `own_limit` names what this machine ran out of before the request could leave it: ports, descriptors.
    `body` is there only where it was asked for.
    """

    status: int
    error: str
    bytes: int
    own_limit: str = ""
    body: Any = b""


class _Reading(HTTPResponseParser):
    """An answer as it comes in; the parser, which is written in C, calls back."""

    def __init__(self, method: str, *, whole: bool) -> None:
        super().__init__()
        self._headless = method == "HEAD"
        self.done, self.size, self.body = False, 0, bytearray() if whole else None

    def _on_body(self, buf: bytearray) -> None:
        self.size += len(buf)
        if self.body is not None:
            self.body += buf

    def _on_headers_complete(self) -> bool:
        return self._headless  # no body follows

    def _on_message_complete(self) -> None:
        self.done = self.get_code() >= 200  # an interim answer comes before the answer

    def _on_message_begin(self) -> None:
        """Of no interest."""

    def _on_status(self, text: str) -> None:
        """Of no interest."""

    def _on_header_field(self, text: str) -> None:
        """Of no interest."""

    def _on_header_value(self, text: str) -> None:
        """Of no interest."""


class Client:
    """A source address and its connections to one target. `source` empty means whatever the system picks.

    With a `tls` context each connection is encrypted and verified for `server_name`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        source: str = "",
        *,
        keep_alive: bool = True,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> None:
        self._address, self._source, self._keep_alive = (host, port), source, keep_alive
        self._tls, self._server_name = tls, server_name
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._idle: list[gevent.socket.socket] = []

    def send(self, method: str, request: bytes, timeout_s: float, *, whole: bool = False) -> Answer:
        """Send and read the whole answer, or give up at `timeout_s` and close the connection."""
        sock: gevent.socket.socket | None = None
        try:
            with gevent.Timeout(timeout_s, _TimeUpError):
                while True:
                    kept = self._kept()
                    sock = kept or self._connected()
                    reading = _Reading(method, whole=whole)
                    if _exchanged(sock, request, reading, stale=kept is not None and method in _IDEMPOTENT):
                        break
                    sock.close()
        except _TimeUpError:
            answer = Answer(0, "timeout", 0)
        except ConnectionRefusedError:
            answer = Answer(0, "connect", 0)
        except (ConnectionError, EOFError, ssl.SSLEOFError):
            answer = Answer(0, "reset", 0)
        except OSError as error:
            answer = Answer(0, "other", 0, OWN_LIMITS.get(error.errno or 0, ""))
        except HTTPParseError:
            answer = Answer(0, "other", 0)
        else:
            if self._keep_alive and reading.should_keep_alive():
                self._idle.append(sock)
            else:
                sock.close()
            return Answer(reading.get_code(), "", reading.size, body=bytes(reading.body or b""))
        if sock is not None:
            sock.close()
        return answer

    def _kept(self) -> gevent.socket.socket | None:
        while self._idle:
            sock = self._idle.pop()
            poll = _poll()  # select(2) knows no descriptor above 1023
            poll.register(sock.fileno(), select.POLLIN)
            if not poll.poll(0):
                return sock
            sock.close()  # the server closed it, or said something that nobody asked for
        return None

    def _connected(self) -> gevent.socket.socket:
        sock = gevent.socket.socket(self._family, socket.SOCK_STREAM)
        try:
            if self._source:
                # The port is chosen at connect, so that all ports serve all destinations. Source: ip(7).
                sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
                sock.bind((self._source, 0))
            sock.connect(self._address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_hostname=self._server_name)
        except BaseException:
            sock.close()
            raise
        return sock


def _exchanged(sock: gevent.socket.socket, request: bytes, reading: _Reading, *, stale: bool) -> bool:
    """Whether the answer came; False when a kept (`stale`) connection turned out to be closed before its first byte."""
    began = False
    try:
        sock.sendall(request)
        while not reading.done:
            piece = sock.recv(_READ_BYTES)
            if not piece and not began:
                raise ConnectionResetError
            began = True
            reading.feed(piece)  # an empty piece is the end of a body without a length
            if not piece and not reading.done:
                raise EOFError
    except ConnectionError:
        if stale and not began:
            return False
        raise
    return True


class Clients(dict[int, Client]):
    """The clients of a load by number, made when first used; one alone has whatever address the system picks."""

    def __init__(
        self,
        host: str,
        port: int,
        count: int,
        *,
        keep_alive: bool = True,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> None:
        super().__init__()
        self._host, self._port, self._count = host, port, count
        self._keep_alive = keep_alive and count <= _MOST_KEPT_ALIVE
        self._tls, self.server_name = tls, server_name

    def __missing__(self, number: int) -> Client:
        source = source_address(number) if self._count > 1 else ""
        client = Client(
            self._host, self._port, source, keep_alive=self._keep_alive, tls=self._tls, server_name=self.server_name
        )
        self[number] = client
        return client


def source_address(client: int) -> str:
    """The loopback address of a client; the model hashes the same one."""
    return f"127.0.{1 + client // 250}.{1 + client % 250}"


def tls_context(ca: str | None) -> ssl.SSLContext:
    """Verifies servers against the CA file, or the system's CAs when it is None."""
    context: ssl.SSLContext = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(ca)
    return context


def request_bytes(method: str, path: str, headers: tuple[tuple[str, str], ...], body: bytes) -> tuple[bytes, bytes]:
    """A request as it goes over the wire, in two parts between which further header lines may stand."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    names = {name.lower() for name, _ in headers}
    if "content-length" not in names and (body or method in {"POST", "PUT", "PATCH"}):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, ""]).encode("latin-1"), b"\r\n" + body


class _TimeUpError(BaseException):
    """The attempt's time is up. Not an Exception, so that no library takes it for a failed connection."""

"""Single requests to the ingress, and what came back."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Answer:
    """`status` 0: no answer. `seen` is what the test application says it was asked."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""
    error: str = ""

    @property
    def seen(self) -> dict[str, Any]:
        return dict(json.loads(self.text))

    @property
    def pod(self) -> str:
        return self.headers.get("x-pod", "")


def ask(
    port: int,
    host: str,
    path: str = "/",
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    tls: bool = False,
    timeout_s: float = TIMEOUT_S,
) -> Answer:
    """One request on a connection of its own, to 127.0.0.1."""
    connection: http.client.HTTPConnection
    if tls:
        connection = _Tls(host, port, timeout_s)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": host, "Connection": "close", **(headers or {})}.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, text)
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, error=repr(error))
    finally:
        connection.close()


def certificate(port: int, name: str) -> bytes:
    """What is presented for a server name: a certificate, DER."""
    with (
        socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as plain,
        _unverified().wrap_socket(plain, server_hostname=name) as wrapped,
    ):
        presented = wrapped.getpeercert(binary_form=True)
    assert presented is not None
    return presented


class _Tls(http.client.HTTPSConnection):
    """To 127.0.0.1 with a server name of our choice."""

    def __init__(self, name: str, port: int, timeout_s: float) -> None:
        self.chosen = _unverified()
        super().__init__("127.0.0.1", port, timeout=timeout_s, context=self.chosen)
        self.name = name

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), self.timeout)
        self.sock = self.chosen.wrap_socket(plain, server_hostname=self.name)


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context

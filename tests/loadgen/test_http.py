"""One attempt against servers that answer, stall, refuse and break off."""

import os
import resource
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import gevent.ssl
import pytest
from gevent.server import StreamServer

from loadgen.http import Answer, Client, Clients, request_bytes, source_address, tls_context

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
Handler = Callable[[socket.socket], None]


class Peer:
    """A server on a loopback address that handles each connection with `handler`."""

    def __init__(self, handler: Handler) -> None:
        self.connections: list[tuple[str, int]] = []
        self.heads: list[bytes] = []
        self.handler = handler
        self.server = StreamServer(("127.0.0.1", 0), self._accept)
        self.server.start()
        self.port: int = self.server.server_port

    def _accept(self, sock: socket.socket, address: tuple[str, int]) -> None:
        self.connections.append(address)
        self.handler(sock)

    def head(self, sock: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = sock.recv(4096)
            if not piece:
                return b""
            data += piece
        self.heads.append(data)
        return data


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer(lambda _sock: None)

    def keep_answering(sock: socket.socket) -> None:
        while peer.head(sock):
            sock.sendall(GOOD)

    peer.handler = keep_answering
    yield peer
    peer.server.stop()


REQUEST = b"".join(request_bytes("GET", "/live?k=7", (("Host", "tv.example"), ("X-Request-Id", "3-1")), b""))


def send(client: Client, timeout_s: float = 5.0) -> Answer:
    return client.send("GET", REQUEST, timeout_s)


def test_the_request_carries_host_id_and_path(peer: Peer) -> None:
    assert send(Client("127.0.0.1", peer.port)) == Answer(200, "", 5)
    assert peer.heads[0] == b"GET /live?k=7 HTTP/1.1\r\nHost: tv.example\r\nX-Request-Id: 3-1\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "headers", "body", "length"),
    [
        ("GET", (), b"", None),
        ("DELETE", (), b"", None),
        ("POST", (), b"", b"0"),
        ("POST", (), b"a=1", b"3"),
        ("PUT", (("content-length", "3"),), b"a=1", b"3"),
    ],
)
def test_a_body_has_one_length(
    method: str, headers: tuple[tuple[str, str], ...], body: bytes, length: bytes | None
) -> None:
    whole = b"".join(request_bytes(method, "/", headers, body))
    head, _, sent = whole.partition(b"\r\n\r\n")
    assert sent == body
    lengths = [line.split(b": ")[1] for line in head.split(b"\r\n")[1:] if line.lower().startswith(b"content-length")]
    assert lengths == ([] if length is None else [length])


def test_the_body_comes_back_where_it_is_asked_for(peer: Peer) -> None:
    assert Client("127.0.0.1", peer.port).send("GET", REQUEST, 5.0, whole=True).body == b"hello"


@pytest.mark.parametrize(
    ("answer", "size"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 3),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", 13),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" + GOOD, 5),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 0),
    ],
    ids=["chunked", "until closed", "after an interim answer", "no content"],
)
def test_an_answer_ends_where_the_protocol_says(peer: Peer, answer: bytes, size: int) -> None:
    def handle(sock: socket.socket) -> None:
        peer.head(sock)
        sock.sendall(answer)
        sock.close()

    peer.handler = handle
    got = send(Client("127.0.0.1", peer.port))
    assert (got.status // 100, got.error, got.bytes) == (2, "", size)


def test_the_answer_to_head_has_no_body_whatever_its_length_says(peer: Peer) -> None:
    def head_only(sock: socket.socket) -> None:
        peer.head(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")

    peer.handler = head_only
    assert Client("127.0.0.1", peer.port).send("HEAD", REQUEST.replace(b"GET", b"HEAD"), 1.0) == Answer(200, "", 0)


def test_connections_are_kept_alive_and_used_again(peer: Peer) -> None:
    client = Client("127.0.0.1", peer.port)
    assert [send(client).status for _ in range(5)] == [200] * 5
    assert len(peer.connections) == 1


def test_many_clients_do_not_keep_connections(peer: Peer) -> None:
    client = Client("127.0.0.1", peer.port, keep_alive=False)
    assert [send(client).status for _ in range(3)] == [200] * 3
    assert len(peer.connections) == 3


def test_connections_come_from_the_clients_own_address(peer: Peer) -> None:
    send(Client("127.0.0.1", peer.port, "127.0.9.8"))
    assert peer.connections[0][0] == "127.0.9.8"


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """What an ordinary user's soft limit of open files does not allow, the hard one does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard >= 2048, f"this machine allows {hard} open files, the test needs 2048"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_descriptors")
def test_descriptors_beyond_1023_are_still_kept_alive(peer: Peer) -> None:
    taken = [socket.socket() for _ in range(1100)]
    try:
        client = Client("127.0.0.1", peer.port)
        assert [send(client).status for _ in range(3)] == [200] * 3
        assert len(peer.connections) == 1
    finally:
        for sock in taken:
            sock.close()


def test_a_timed_out_attempt_closes_its_connection(peer: Peer) -> None:
    closed = gevent.event.Event()

    def stall(sock: socket.socket) -> None:
        peer.head(sock)
        if not sock.recv(1):
            closed.set()

    peer.handler = stall
    assert send(Client("127.0.0.1", peer.port), timeout_s=0.05) == Answer(0, "timeout", 0)
    assert closed.wait(2.0)


def test_a_body_that_never_ends_times_out_too(peer: Peer) -> None:
    def half(sock: socket.socket) -> None:
        peer.head(sock)
        sock.sendall(GOOD[:-2])
        sock.recv(1)

    peer.handler = half
    assert send(Client("127.0.0.1", peer.port), timeout_s=0.05) == Answer(0, "timeout", 0)


def test_nobody_listening_is_a_connect_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert send(Client("127.0.0.1", unused.getsockname()[1])) == Answer(0, "connect", 0)


@pytest.mark.parametrize("answer", [b"", GOOD[:20], GOOD[:-2]], ids=["before", "in the head", "in the body"])
def test_a_connection_cut_short_is_an_error_and_repeated_at_most_once(peer: Peer, answer: bytes) -> None:
    def cut(sock: socket.socket) -> None:
        peer.head(sock)
        sock.sendall(answer)
        sock.close()

    peer.handler = cut
    got = send(Client("127.0.0.1", peer.port))
    assert got.status == 0
    assert got.error in {"reset", "other"}
    assert len(peer.connections) <= 2


def test_a_kept_connection_that_the_server_closed_meanwhile_is_replaced(peer: Peer) -> None:
    def once(sock: socket.socket) -> None:
        peer.head(sock)
        sock.sendall(GOOD)
        sock.close()

    peer.handler = once
    client = Client("127.0.0.1", peer.port)
    assert [send(client).status for _ in range(3)] == [200] * 3


def test_a_request_that_may_have_been_served_is_not_repeated_where_that_would_do_it_twice(peer: Peer) -> None:
    closing = gevent.event.Event()

    def answer_once_then_close_late(sock: socket.socket) -> None:
        peer.head(sock)
        sock.sendall(GOOD)
        peer.head(sock)
        closing.set()
        sock.close()

    peer.handler = answer_once_then_close_late
    client, post = Client("127.0.0.1", peer.port), REQUEST.replace(b"GET", b"POST")
    assert client.send("POST", post, 5.0).status == 200
    assert client.send("POST", post, 5.0).error == "reset"
    assert len(peer.connections) == 1
    assert closing.is_set()


def test_an_own_limit_is_named_and_no_failure_of_the_server(peer: Peer) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        answer = send(Client("127.0.0.1", peer.port))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (answer.status, answer.own_limit) == (0, "descriptors")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """(certificate, key) files of shop.example, signed by itself."""
    cert, key = str(tmp_path / "ca.pem"), str(tmp_path / "key.pem")
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    command += ["-subj", "/CN=shop.example", "-addext", "subjectAltName=DNS:shop.example", "-keyout", key, "-out", cert]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


@pytest.mark.parametrize(("name", "status"), [("shop.example", 200), ("other.example", 0)])
def test_tls_is_verified_with_the_given_authority_and_name(
    certificate: tuple[str, str], name: str, status: int
) -> None:
    cert, key = certificate
    names: list[str] = []
    server_side = gevent.ssl.SSLContext(gevent.ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(cert, key)
    server_side.sni_callback = lambda _sock, sni, _context: names.append(sni)

    def handle(sock: socket.socket, _address: object) -> None:
        if sock.recv(4096):
            sock.sendall(GOOD)

    server = StreamServer(("127.0.0.1", 0), handle, ssl_context=server_side)
    server.start()
    try:
        client = Client("127.0.0.1", server.server_port, tls=tls_context(cert), server_name=name)
        assert send(client).status == status
        assert names == [name]
    finally:
        server.stop()


def test_every_client_of_the_largest_load_has_its_own_loopback_address() -> None:
    addresses = {source_address(client) for client in range(60_000)}
    assert len(addresses) == 60_000
    assert all(0 < int(part) < 255 for address in addresses for part in address.split(".")[2:])


def test_a_client_keeps_its_address_and_its_connections(peer: Peer) -> None:
    clients = Clients("127.0.0.1", peer.port, 300)
    assert [send(clients[number]).status for number in (299, 0, 299)] == [200] * 3
    assert [address for address, _ in peer.connections] == ["127.0.2.50", "127.0.1.1"]

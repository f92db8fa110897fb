"""One attempt against servers that answer, stall, refuse and break off."""

import resource
import socket
from collections.abc import Callable, Iterator

import gevent
import pytest
from gevent.server import StreamServer

from loadgen.http import Answer, Client, Clients, source_address

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


def send(client: Client, timeout_s: float = 5.0) -> Answer:
    return client.send("GET", "/live?k=7", {"Host": "tv.example", "X-Request-Id": "3-1"}, timeout_s)


def test_the_request_carries_host_id_and_path(peer: Peer) -> None:
    assert send(Client("127.0.0.1", peer.port)) == Answer(200, "", 5)
    lines = peer.heads[0].decode().split("\r\n")
    assert lines[0] == "GET /live?k=7 HTTP/1.1"
    assert {"host: tv.example", "x-request-id: 3-1"} <= {line.lower() for line in lines[1:]}


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


def test_every_client_of_the_largest_load_has_its_own_loopback_address() -> None:
    addresses = {source_address(client) for client in range(60_000)}
    assert len(addresses) == 60_000
    assert all(0 < int(part) < 255 for address in addresses for part in address.split(".")[2:])


def test_a_client_keeps_its_address_and_its_connections(peer: Peer) -> None:
    clients = Clients("127.0.0.1", peer.port, 300)
    assert [send(clients[number]).status for number in (299, 0, 299)] == [200] * 3
    assert [address for address, _ in peer.connections] == ["127.0.2.50", "127.0.1.1"]

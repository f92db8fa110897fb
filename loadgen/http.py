"""One HTTP attempt over a pool of keep-alive connections, bounded in time."""

from __future__ import annotations

import errno
import select
import socket
from typing import Any, NamedTuple

import gevent
import gevent.socket
from gevent.monkey import get_original
from geventhttpclient import HTTPClient
from geventhttpclient.connectionpool import ConnectionPool
from geventhttpclient.header import Headers

# More than can be outstanding (openloop.MOST_OUTSTANDING), so that the pool never makes a request wait unseen.
_CONNECTIONS = 20_000
# Each client keeps a connection or more; more clients than this would use up the descriptors.
_MOST_KEPT_ALIVE = 5_000
_READ_BYTES = 65_536
_FOREVER_S = 86_400.0  # an attempt's own time is shorter


class Answer(NamedTuple):
    """`status` 0 means none; `error` is empty, timeout, connect, reset, other, or OWN_LIMIT: it never left us."""

    status: int
    error: str
    bytes: int


OWN_LIMIT = "own limit"
_OWN_LIMITS = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL})  # our descriptors or ports are used up
_IP_BIND_ADDRESS_NO_PORT = 24  # Source: linux/in.h
_poll = get_original("select", "poll")


class _Pool(ConnectionPool):
    """Connections to one numeric address, from a given local one."""

    def __init__(self, host: str, port: int, source: str, *, keep_alive: bool) -> None:
        super().__init__(
            host, port, host, port, _CONNECTIONS, connection_timeout=_FOREVER_S, network_timeout=_FOREVER_S
        )
        self._source, self._keep_alive = source, keep_alive
        # When a connection closes without an answer, the library repeats the request in silence, as often as its
        # pool is large, plus once. Once is right, for a kept connection may be closed just as it is used; more would
        # hide failures.
        self.size = 0

    def _resolve(self) -> list[tuple[Any, Any, int, str, tuple[str, int] | tuple[str, int, int, int]]]:
        # The library asks a resolver in another thread for each connection.
        address = (self._connection_host, self._connection_port)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]

    def _is_socket_alive(self, sock: gevent.socket.socket) -> bool:
        # The library's own way is select(2), which knows no descriptor above 1023.
        poll = _poll()
        poll.register(sock.fileno(), select.POLLIN)
        return not poll.poll(0)

    def _connect_socket(self, sock: gevent.socket.socket, address: Any) -> gevent.socket.socket:
        if self._source:
            # The port is chosen at connect, so that all ports serve all destinations. Source: ip(7).
            sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((self._source, 0))
        sock.connect(address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def return_socket(self, sock: gevent.socket.socket) -> None:
        """Keep an idle connection for the next request, or close it."""
        if self._keep_alive:
            super().return_socket(sock)
        else:
            self.release_socket(sock)


class Client:
    """A source address and its connections to one target. `source` empty means whatever the system picks."""

    def __init__(self, host: str, port: int, source: str = "", *, keep_alive: bool = True) -> None:
        self._http = HTTPClient(host, port, concurrency=1, block_size=_READ_BYTES)
        # The client offers no other way to choose the pool.
        self._http._connection_pool = _Pool(host, port, source, keep_alive=keep_alive)  # noqa: SLF001 - see above

    def send(self, method: str, path: str, headers: dict[str, str], timeout_s: float) -> Answer:
        """Send and read the whole answer, or give up at `timeout_s` and close the connection."""
        try:
            with gevent.Timeout(timeout_s, _TimeUpError):
                response = self._http.request(method, path, b"", Headers(headers))
                body = response.read()
                return Answer(response.status_code, "", len(body))
        except _TimeUpError:
            return Answer(0, "timeout", 0)
        except ConnectionRefusedError:
            return Answer(0, "connect", 0)
        except (ConnectionError, EOFError):
            return Answer(0, "reset", 0)
        except OSError as error:
            return Answer(0, OWN_LIMIT if error.errno in _OWN_LIMITS else "other", 0)
        except Exception as error:  # noqa: BLE001 - whatever the client library makes of a broken answer is a failed attempt
            return Answer(0, "reset" if "closed" in str(error).lower() else "other", 0)


class Clients(dict[int, Client]):
    """The clients of a load by number, made when first used; one alone has whatever address the system picks."""

    def __init__(self, host: str, port: int, count: int) -> None:
        super().__init__()
        self._host, self._port, self._count = host, port, count

    def __missing__(self, number: int) -> Client:
        source = source_address(number) if self._count > 1 else ""
        client = Client(self._host, self._port, source, keep_alive=self._count <= _MOST_KEPT_ALIVE)
        self[number] = client
        return client


def source_address(client: int) -> str:
    """The loopback address of a client; the model hashes the same one."""
    return f"127.0.{1 + client // 250}.{1 + client % 250}"


class _TimeUpError(BaseException):
    """The attempt's time is up. Not an Exception, so that no library takes it for a failed connection."""

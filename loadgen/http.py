"""One HTTP attempt over a pool of keep-alive connections, bounded in time."""

from __future__ import annotations

from typing import NamedTuple

import gevent
import gevent.socket
from geventhttpclient import HTTPClient
from geventhttpclient.connectionpool import ConnectionPool
from geventhttpclient.header import Headers

# More than can be outstanding (openloop.MOST_OUTSTANDING), so that the pool never makes a request wait unseen.
_CONNECTIONS = 20_000
_READ_BYTES = 65_536


class Answer(NamedTuple):
    """`status` 0 means none; `error` is empty, timeout, connect, reset or other."""

    status: int
    error: str
    bytes: int


class _SourcePool(ConnectionPool):
    """Connections that come from a given local address."""

    source = ""

    def _connect_socket(self, sock: gevent.socket.socket, address: tuple[str, int]) -> gevent.socket.socket:
        if self.source:
            # The port is chosen at connect, so that all ports serve all destinations. Source: ip(7).
            sock.setsockopt(gevent.socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((self.source, 0))
        sock.connect(address)
        sock.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
        return sock


_IP_BIND_ADDRESS_NO_PORT = 24  # Source: linux/in.h


class Client:
    """A source address and its connections to one target. `source` empty means whatever the system picks."""

    def __init__(self, host: str, port: int, source: str = "") -> None:
        self._http = HTTPClient(host, port, concurrency=_CONNECTIONS, block_size=_READ_BYTES)
        pool = _SourcePool(host, port, host, port, size=_CONNECTIONS, network_timeout=None, connection_timeout=None)
        pool.source = source
        self._http._connection_pool = pool  # noqa: SLF001 - the client offers no other way to choose the pool

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
            return Answer(0, "connect" if error.errno in _OWN_LIMITS else "other", 0)
        except Exception as error:  # noqa: BLE001 - whatever the client library makes of a broken answer is a failed attempt
            return Answer(0, "reset" if "closed" in str(error).lower() else "other", 0)


class _TimeUpError(Exception):
    """The attempt's time is up."""


_OWN_LIMITS = frozenset({24, 99})  # EMFILE, EADDRNOTAVAIL: our own descriptors or ports are used up

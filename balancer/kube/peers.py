"""What the other replicas' proxies have to do: every one serves a part of the traffic, autoscaling needs the whole."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from threading import Lock
from urllib.parse import urlsplit

import structlog

from balancer.errors import BalancerError
from balancer.kube.load import ServiceLoad, from_json, total

_log = structlog.get_logger()
_LARGEST_BYTES = 16 * 1024 * 1024
_MOST_AT_ONCE = 16


class PeerError(BalancerError):
    """A replica did not tell its load."""


@dataclass(frozen=True)
class WholeLoad:
    """Loads summed over replicas, ours among them; `answered` of the `asked` others count."""

    loads: tuple[ServiceLoad, ...]
    answered: int
    asked: int


class Peers:
    """Asks the other replicas (`host:port`) for their loads. May be used by several threads.

    A replica that does not answer counts with its last answer for `keep_s`: its part of the load is not gone the
    moment it is silent, and an autoscaler must not believe so. All answers serve for `fresh_s`.
    """

    def __init__(
        self,
        others: Callable[[], Iterable[str]],
        *,
        timeout_s: float = 0.5,
        keep_s: float = 15.0,
        fresh_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._others, self._timeout_s, self._clock = others, timeout_s, clock
        self._keep_s, self._fresh_s = keep_s, fresh_s
        self._last: dict[str, tuple[float, tuple[ServiceLoad, ...]]] = {}
        self._answered = self._asked = 0
        self._asked_s = float("-inf")
        self._lock = Lock()

    def whole(self, own: Sequence[ServiceLoad]) -> WholeLoad:
        """The sum of our own loads and theirs; waits `timeout_s` for them at most."""
        with self._lock:
            now_s = self._clock()
            if now_s - self._asked_s >= self._fresh_s:
                self._ask(now_s)
            theirs = [loads for _, loads in self._last.values()]
            return WholeLoad(total([own, *theirs]), self._answered, self._asked)

    def _ask(self, now_s: float) -> None:
        others = sorted(set(self._others()))
        told: dict[str, tuple[ServiceLoad, ...]] = {}
        if others:
            executor = ThreadPoolExecutor(min(_MOST_AT_ONCE, len(others)), thread_name_prefix="peers")
            asked = {executor.submit(fetch, other, self._timeout_s): other for other in others}
            done, late = wait(asked, timeout=self._timeout_s)
            # who is late ends by its own time-out; nobody waits for it here
            executor.shutdown(wait=False, cancel_futures=True)
            told = dict(_answers({future: asked[future] for future in done}))
            for future in late:
                _log.warning("peer late", peer=asked[future])
        kept = {
            other: (at_s, loads)
            for other, (at_s, loads) in self._last.items()
            if other in others and now_s - at_s <= self._keep_s
        }
        self._last = kept | {other: (now_s, loads) for other, loads in told.items()}
        self._answered, self._asked, self._asked_s = len(told), len(others), now_s


def fetch(peer: str, timeout_s: float) -> tuple[ServiceLoad, ...]:
    """What the replica at `host:port` says of its load. BalancerError."""
    place = urlsplit(f"//{peer}")
    connection = HTTPConnection(place.hostname or "", place.port, timeout=timeout_s)
    try:
        connection.request("GET", "/load")
        response = connection.getresponse()
        body = response.read(_LARGEST_BYTES)
        if response.status != 200:
            raise PeerError(f"{peer} answered {response.status}")
        return from_json(json.loads(body))
    except (OSError, HTTPException, ValueError) as error:
        raise PeerError(f"{peer}: {error}") from error
    finally:
        connection.close()


def _answers(
    done: dict[Future[tuple[ServiceLoad, ...]], str],
) -> Iterable[tuple[str, tuple[ServiceLoad, ...]]]:
    for future, peer in done.items():
        try:
            yield peer, future.result()
        except BalancerError as error:
            _log.warning("peer silent", peer=peer, error=str(error))

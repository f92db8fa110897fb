"""What each service has to do right now, as this replica's HAProxy sees it: rate, queue and requests in flight.

The rate is the growth of HAProxy's counters over a sliding window. A counter that has shrunk belongs to a new
process and counts from zero. Loads go to other replicas and come from them as JSON.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from threading import Event, Lock
from typing import Any, NamedTuple

import structlog

from balancer.errors import BalancerError

_log = structlog.get_logger()
WINDOW_S = 10.0
# a rate over less would be mostly chance
_SHORTEST_S = 0.5
_LOOK_EVERY_S = 1.0
_COST = 20
# of the window, so that there are always several looks in it
_WINDOW_PART = 0.3


# Source: HAProxy 2.8 management.txt, column "type"
BACKEND, SERVER = "1", "2"
_COLUMNS = ("type", "pxname", "svname", "stot", "qcur", "scur", "status", "weight")


class ServicePort(NamedTuple):
    """A Service's port as backends are called by it; the port by its name where it has one."""

    namespace: str
    service: str
    port: str


class BadLoadError(BalancerError):
    """What another replica sent is no list of loads."""


@dataclass(frozen=True)
class ServiceLoad:
    """The load of one Service's port. `queued` wait in the proxy, `in_flight` are in pods, `pods` are in rotation."""

    namespace: str
    service: str
    port: str
    requests_per_s: float
    queued: int
    in_flight: int
    pods: int

    @property
    def key(self) -> ServicePort:
        """Which Service's port it is."""
        return ServicePort(self.namespace, self.service, self.port)


@dataclass(frozen=True)
class Counts:
    """One look at a backend: requests so far, now waiting (in backend and servers), now in pods, pods in rotation."""

    requests: int
    queued: int
    in_flight: int
    pods: int


def service_port(backend: str) -> ServicePort | None:
    """The Service's port behind a backend's name; None for backends that are not a Service's."""
    parts = backend.split("_")
    return ServicePort(*parts) if len(parts) == 3 and all(parts) else None


def in_rotation(status: str, weight: str) -> bool:
    """Whether new requests may go to a server, by its columns `status` and `weight`."""
    return weight != "0" and (status.startswith("UP") or status == "no check")


def counts(show_stat: str) -> dict[ServicePort, Counts]:
    """What HAProxy's answer to `show stat` says of every Service's port.

    A backend's own row counts only those that no server was chosen for yet; those behind a full server wait there.
    """
    found: dict[ServicePort, Counts] = {}
    servers: dict[str, tuple[int, int, int]] = {}
    # a backend's row comes after those of its servers
    for kind, proxy, _, requests, queued, current, status, weight in columns(show_stat, _COLUMNS):
        queue, in_flight, pods = servers.get(proxy, (0, 0, 0))
        if kind == SERVER:
            rotates = in_rotation(status, weight)
            servers[proxy] = queue + int(queued), in_flight + int(current), pods + rotates
        elif kind == BACKEND and (key := service_port(proxy)):
            found[key] = Counts(int(requests), int(queued) + queue, in_flight, pods)
    return found


def columns(show_stat: str, wanted: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """These columns of every row, in this order, as text, "0" where HAProxy has nothing; no rows if one is missing.

    Ten times faster than reading all columns as numbers, which counts with thousands of backends every second.
    """
    header, *lines = show_stat.splitlines() or [""]
    known = {name: at for at, name in enumerate(header.lstrip("# ").split(","))}
    if not set(wanted) <= known.keys():
        return
    places = [known[name] for name in wanted]
    # what comes after may be quoted and have commas of its own
    end = max(places) + 1
    for line in lines:
        cells = line.split(",", end)
        if len(cells) > end:
            yield tuple([cells[place] or "0" for place in places])


class LoadMeter:
    """Looks at HAProxy's counters from time to time, best about once a second; gives loads of the last ten seconds.

    May be used by several threads. The clock is monotonic, in seconds.
    """

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._looks: deque[tuple[float, Mapping[ServicePort, int]]] = deque()
        self._grown: dict[ServicePort, int] = {}
        self._last: Mapping[ServicePort, Counts] = {}
        self._lock = Lock()

    def look(self, show_stat: str, now_s: float) -> None:
        """Take down what HAProxy says now."""
        found = counts(show_stat)
        with self._lock:
            if self._looks and now_s <= self._looks[-1][0]:
                return
            for key, now in found.items():
                before = self._last.get(key)
                # what a backend counted before we first saw it happened at no known time
                seen = before.requests if before is not None else (0 if self._looks else now.requests)
                grown = now.requests - seen if now.requests >= seen else now.requests
                self._grown[key] = self._grown.get(key, 0) + grown
            self._grown = {key: self._grown[key] for key in found}
            self._last = found
            self._looks.append((now_s, dict(self._grown)))
            while len(self._looks) > 2 and self._looks[1][0] <= now_s - self._window_s:
                self._looks.popleft()

    def loads(self, now_s: float) -> tuple[ServiceLoad, ...]:
        """Every Service's load by the last look; nothing when that is older than the window."""
        with self._lock:
            if not self._looks or now_s - self._looks[-1][0] > self._window_s:
                return ()
            (then_s, before), (last_s, after) = self._looks[0], self._looks[-1]
            passed_s = last_s - then_s
            return tuple(
                ServiceLoad(
                    *key,
                    requests_per_s=max(0, after[key] - before.get(key, 0)) / passed_s
                    if passed_s >= _SHORTEST_S
                    else 0.0,
                    queued=found.queued,
                    in_flight=found.in_flight,
                    pods=found.pods,
                )
                for key, found in self._last.items()
            )


def keep_looking(
    meter: LoadMeter, show_stat: Callable[[], str], stop: Event, clock: Callable[[], float] = time.monotonic
) -> None:
    """Look until `stop`: every second, or less often where a look is dear, so that it costs 5 % of a core at most.

    `show_stat` gives HAProxy's answer to `show stat`; a BalancerError of it is told once.
    """
    dark = False
    while not stop.is_set():
        began_s = clock()
        try:
            meter.look(show_stat(), began_s)
        except BalancerError as error:
            if not dark:
                _log.warning("no look at the load", why=str(error))
            dark = True
        else:
            dark = False
        stop.wait(min(_WINDOW_PART * WINDOW_S, max(_LOOK_EVERY_S, _COST * (clock() - began_s))))


def total(loads: Iterable[Sequence[ServiceLoad]]) -> tuple[ServiceLoad, ...]:
    """The sum over replicas. Pods are not summed, since every replica sends to the same ones: the most seen count."""
    summed: dict[ServicePort, ServiceLoad] = {}
    for replica in loads:
        for load in replica:
            other = summed.get(load.key)
            summed[load.key] = load if other is None else _sum(other, load)
    return tuple(summed.values())


def to_json(loads: Sequence[ServiceLoad]) -> dict[str, Any]:
    """As a replica tells the others."""
    return {"services": [asdict(load) for load in loads]}


def from_json(data: object) -> tuple[ServiceLoad, ...]:
    """As another replica told. BadLoadError."""
    try:
        return tuple(
            ServiceLoad(
                namespace=str(row["namespace"]),
                service=str(row["service"]),
                port=str(row["port"]),
                requests_per_s=float(row["requests_per_s"]),
                queued=int(row["queued"]),
                in_flight=int(row["in_flight"]),
                pods=int(row["pods"]),
            )
            for row in data["services"]  # type: ignore[index]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadLoadError(f"no loads but {str(data)[:100]!r}") from error


def _sum(one: ServiceLoad, other: ServiceLoad) -> ServiceLoad:
    return ServiceLoad(
        *one.key,
        requests_per_s=one.requests_per_s + other.requests_per_s,
        queued=one.queued + other.queued,
        in_flight=one.in_flight + other.in_flight,
        pods=max(one.pods, other.pods),
    )

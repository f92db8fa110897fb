"""A HAProxy backend as SimPy sees it: picks, slots, queues, time-outs, connection retries.

Facts and their sources are in docs/model.md. The ones that surprise: a request whose pick has room never
waits behind the backend's queue; a freed slot takes the older of its server's own head and the backend's;
hashed picks wait at their server, all others in the backend; a refused connection is retried at once where
there are several servers, so that a dead one eats requests quickly.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import simpy

from balancer.policy.config import BackendSettings
from sim.clock import Clock
from sim.hashing import avalanche
from sim.picks import Load, StaticMap, Turns, turns_picker
from sim.pod import Pod
from sim.ring import Ring

Fate = Literal[
    "ok",
    "queue_timeout",
    "rate_limited",
    "denied",
    "no_server",
    "connect",
    "server_error",
    "client_timeout",
    "aborted",
]
Queue: TypeAlias = "OrderedDict[Attempt, None]"

# From sending SYN to a closed port on loopback until HAProxy has dealt with the refusal; holds a slot.
# Source: measured with HAProxy 2.8.25, tests/integration/test_model_against_haproxy.py.
REFUSAL_S = 0.0002
# Source: HAProxy 2.8, backend.c, back_handle_st_cer; measured with 2.8.25: with one server left, for every algorithm.
_TURN_AROUND_S = 1.0


class Server:
    """One pod in one backend: `served` requests hold a slot, those in `queue` wait for one of its own."""

    __slots__ = ("id", "maxconn", "pod", "queue", "served", "usable", "weight")

    def __init__(self, pod: Pod, id_: int, maxconn: int = 0, weight: int = 100) -> None:
        self.pod, self.id, self.maxconn, self.weight = pod, id_, maxconn, weight
        self.served = 0
        self.queue: Queue = OrderedDict()
        self.usable = False

    @property
    def queued(self) -> int:
        """Requests waiting for this very server."""
        return len(self.queue)


class Attempt:
    """One try of a request, from the client's send to its fate.

    `key` is the hash of a hashed pick, None when the request has no such key; `draws` are the 32-bit numbers
    of random(N). The client gives up at `deadline_s`. `done` is triggered with the fate.
    """

    __slots__ = (
        "backend", "cpu_s", "deadline_s", "done", "draws", "fate", "key", "queue", "queued_s", "retries_left",
        "server", "service_s", "slot_s",
    )  # fmt: skip

    def __init__(
        self,
        done: simpy.Event,
        service_s: float,
        cpu_s: float,
        deadline_s: float,
        key: int | None = None,
        draws: Sequence[int] = (),
    ) -> None:
        self.done, self.service_s, self.cpu_s, self.deadline_s = done, service_s, cpu_s, deadline_s
        self.key, self.draws = key, draws
        self.fate: Fate | None = None
        self.backend: Backend | None = None
        self.server: Server | None = None
        self.queue: Queue | None = None
        self.queued_s = self.slot_s = 0.0
        self.retries_left = 0

    def end(self, fate: Fate) -> None:
        """Give up whatever is held and tell the client; the first fate counts."""
        if self.fate is not None:
            return
        self.fate = fate
        if self.backend is not None:
            self.backend.let_go(self)
        self.done.succeed(fate)

    def pod_finished(self, *, broken: bool) -> None:
        """The pod has answered, or died (HAProxy then answers 502)."""
        self.end("server_error" if broken else "ok")


Observer = Callable[[float, float], None]
"""Told of a stay that is over: from when, until when."""


def _ignore(_start_s: float, _end_s: float) -> None:
    return


class Backend:
    """One backend of one HAProxy process. Servers may come, drain and go at any time."""

    def __init__(
        self,
        env: Clock,
        settings: BackendSettings,
        waited: Observer = _ignore,
        served: Observer = _ignore,
    ) -> None:
        self.env, self.settings = env, settings
        self.queue: Queue = OrderedDict()
        self.servers: dict[str, Server] = {}
        self._waited, self._served = waited, served
        self._usable = 0
        algorithm = settings.balance.algorithm
        self._hashed = algorithm in {"source", "uri", "hdr", "url_param"}
        # Source: HAProxy 2.8, backend.c, assign_server: for these a queue means that all servers are full.
        self._queue_means_full = algorithm in {"roundrobin", "static-rr", "first"}
        self._picker: Turns | Ring
        if algorithm == "random" or (self._hashed and settings.balance.consistent):
            self._picker = Ring(settings.balance.hash_balance_factor)
        else:
            self._picker = StaticMap() if self._hashed else turns_picker(settings.balance)

    def add(self, server: Server) -> None:
        """A server comes into rotation and helps itself to the backend's queue."""
        self.servers[server.pod.name] = server
        server.usable = True
        self._usable += 1
        self._picker.add(server)
        self._serve_waiting(server)

    def drain(self, pod: str) -> None:
        """No new requests for a pod; what it serves it finishes, what waits for it goes elsewhere."""
        server = self.servers.pop(pod, None)
        if server is None:
            return
        server.usable = False
        self._usable -= 1
        self._picker.remove(server)
        for attempt in list(server.queue):
            self._leave_queue(attempt)
            self._dispatch(attempt, avoid=None)

    def submit(self, attempt: Attempt) -> None:
        """A request arrives from the proxy's frontend."""
        attempt.backend = self
        attempt.retries_left = self.settings.retries
        self._dispatch(attempt, avoid=None)

    def let_go(self, attempt: Attempt) -> None:
        """An attempt is over: it leaves its queue, or its slot goes to the next."""
        if attempt.queue is not None:
            self._leave_queue(attempt)
        elif attempt.server is not None:
            self._release(attempt)

    def _dispatch(self, attempt: Attempt, avoid: Server | None) -> None:
        if not self._usable:
            attempt.end("no_server")
            return
        server = self._pick(attempt, avoid)
        if server is None:
            self._enqueue(attempt, self.queue)
        elif server.maxconn and (server.queue or server.served >= server.maxconn):
            self._enqueue(attempt, server.queue)
        else:
            self._take(server, attempt)

    def _pick(self, attempt: Attempt, avoid: Server | None) -> Server | None:
        picker = self._picker
        picked: Load | None
        if self.queue and self._queue_means_full:
            return None
        if isinstance(picker, Ring) and not self._hashed:
            draws = attempt.draws if avoid is None else [avalanche(d + attempt.retries_left) for d in attempt.draws]
            picked = picker.drawn(draws, avoid)
        elif self._hashed and attempt.key is not None:
            assert isinstance(picker, Ring | StaticMap)
            picked = picker.at(attempt.key, avoid) if isinstance(picker, Ring) else picker.at(attempt.key)
        else:
            picked = picker.pick(avoid)
        assert picked is None or isinstance(picked, Server)
        return picked

    def _enqueue(self, attempt: Attempt, queue: Queue) -> None:
        now = self.env.now
        queue[attempt] = None
        attempt.queue, attempt.queued_s, attempt.server = queue, now, None
        limit_s = self.settings.timeouts.queue_s
        if now + limit_s < attempt.deadline_s:
            self.env.after(limit_s, lambda: self._queue_timeout(attempt, now))

    def _queue_timeout(self, attempt: Attempt, queued_s: float) -> None:
        if attempt.queue is not None and attempt.queued_s == queued_s:
            attempt.end("queue_timeout")

    def _leave_queue(self, attempt: Attempt) -> None:
        assert attempt.queue is not None
        del attempt.queue[attempt]
        attempt.queue = None
        self._waited(attempt.queued_s, self.env.now)

    def _take(self, server: Server, attempt: Attempt) -> None:
        """Give the attempt a slot and connect."""
        now = self.env.now
        server.served += 1
        self._picker.moved(server)
        attempt.server, attempt.slot_s = server, now
        if not server.pod.accept(attempt):
            self.env.after(REFUSAL_S, lambda: self._refused(attempt))
            return
        limit_s = self.settings.timeouts.server_s
        if now + limit_s < attempt.deadline_s:
            self.env.after(limit_s, lambda: self._server_timeout(attempt))

    def _server_timeout(self, attempt: Attempt) -> None:
        """HAProxy answers 504; the pod works on."""
        attempt.end("server_error")

    def _refused(self, attempt: Attempt) -> None:
        """Retry, elsewhere if the algorithm can (`option redispatch 1`), until the retries are used up.

        At once, unless there is no second server: then a second later at most.
        """
        if attempt.fate is not None or attempt.server is None:
            return
        server = attempt.server
        if not attempt.retries_left:
            attempt.end("connect")
            return
        attempt.retries_left -= 1
        self._release(attempt)
        if self._usable > 1:
            self._dispatch(attempt, avoid=server)
        else:
            wait_s = min(_TURN_AROUND_S, self.settings.timeouts.connect_s)
            self.env.after(wait_s, lambda: self._retry(attempt, server))

    def _retry(self, attempt: Attempt, avoid: Server) -> None:
        if attempt.fate is None:
            self._dispatch(attempt, avoid)

    def _release(self, attempt: Attempt) -> None:
        server = attempt.server
        assert server is not None
        attempt.server = None
        server.served -= 1
        if server.usable:
            self._picker.moved(server)
        self._served(attempt.slot_s, self.env.now)
        self._serve_waiting(server)

    def _serve_waiting(self, server: Server) -> None:
        """Fill a server's free slots with the older of its own queue's head and the backend's."""
        while not server.maxconn or server.served < server.maxconn:
            own = next(iter(server.queue), None)
            shared = next(iter(self.queue), None) if server.usable else None
            if own is None and shared is None:
                return
            first = own is not None and (shared is None or own.queued_s <= shared.queued_s)
            attempt = own if first else shared
            assert attempt is not None
            self._leave_queue(attempt)
            self._take(server, attempt)

"""A HAProxy backend as SimPy sees it: picks, slots, queues, time-outs, connection retries.

Facts and their sources are in docs/model.md. The ones that surprise: a request whose pick has room never
waits behind the backend's queue; a freed slot takes the older of its server's own head and the backend's;
hashed picks wait at their server, all others in the backend; a refused connection is retried at once where
there are several servers, so that a dead one eats requests quickly.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import simpy

from balancer.policy.config import BackendSettings
from sim.clock import DATA, Clock
from sim.dataplane.facts import CLOCK_GRAIN_S, REFUSAL_S, TURN_AROUND_S, WEIGHT_SCALE
from sim.hashing import avalanche
from sim.picks import Load, StaticMap, Turns, has_room, turns_picker
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


class Server:
    """One pod in one backend: `served` requests hold a slot, those in `queue` wait for one of its own.

    `maxconn`, `minconn` and `maxqueue` are this proxy's share; `joined_s` is when it began to start slowly, None otherwise.
    """

    __slots__ = (
        "backend",
        "eweight",
        "id",
        "joined_s",
        "maxconn",
        "maxqueue",
        "minconn",
        "pod",
        "queue",
        "served",
        "usable",
        "weight",
    )

    def __init__(
        self, pod: Pod, id_: int, maxconn: int = 0, weight: int = 100, minconn: int = 0, maxqueue: int = 0
    ) -> None:
        self.pod, self.id, self.maxconn, self.minconn, self.weight = pod, id_, maxconn, minconn, weight
        self.maxqueue = maxqueue
        self.eweight = weight * WEIGHT_SCALE
        self.served = 0
        self.queue: Queue = OrderedDict()
        self.usable = False
        self.joined_s: float | None = None
        self.backend: Backend | None = None

    @property
    def queued(self) -> int:
        """Requests waiting for this very server."""
        return len(self.queue)

    @property
    def limit(self) -> int:
        """How many it may serve at once now. Source: HAProxy 2.8, queue.c, srv_dynamic_maxconn."""
        limit, backend = self.maxconn, self.backend
        if not limit or backend is None:
            return limit
        fullconn = backend.settings.fullconn
        if self.minconn and fullconn and backend.present < fullconn:
            limit = min(limit, max(self.minconn, backend.present * limit // fullconn))
        slow_s = backend.slowstart_s
        elapsed_s = slow_s if self.joined_s is None else math.floor(backend.env.now - self.joined_s + CLOCK_GRAIN_S)
        if elapsed_s < slow_s:
            limit = max(1, limit * (100 * elapsed_s // slow_s) // 100)
        return limit


class Attempt:
    """One try of a request, from the client's send to its fate.

    `key` is the hash of a hashed pick, None when the request has no such key; `draws` are the 32-bit numbers
    of random(N). The client gives up at `deadline_s`. `done` is triggered with the fate. `pod` holds it, `last_pod`
    is the last that did; `make_calls` is what the pod asks of others.
    """

    __slots__ = (
        "backend", "cancels", "cpu_s", "deadline_s", "done", "draws", "fate", "key", "last_pod", "make_calls", "pod",
        "queue", "queued_s", "retries_left", "server", "service_s",
    )  # fmt: skip

    def __init__(
        self,
        done: simpy.Event,
        service_s: float,
        cpu_s: float,
        deadline_s: float,
        key: int | None = None,
        draws: Sequence[int] = (),
        *,
        cancels: bool = False,
    ) -> None:
        self.done, self.service_s, self.cpu_s, self.deadline_s = done, service_s, cpu_s, deadline_s
        self.key, self.draws, self.cancels = key, draws, cancels
        self.make_calls: Callable[[Callable[[bool], None]], None] | None = None
        self.fate: Fate | None = None
        self.backend: Backend | None = None
        self.server: Server | None = None
        self.pod: Pod | None = None
        self.last_pod = ""
        self.queue: Queue | None = None
        self.queued_s = 0.0
        self.retries_left = 0

    def end(self, fate: Fate) -> None:
        """Give up whatever is held and tell the client; the first fate counts."""
        if self.fate is not None:
            return
        self.fate = fate
        if self.backend is not None:
            self.backend.let_go(self)
        if self.cancels and self.pod is not None:
            pod, self.pod = self.pod, None
            pod.drop(self)
        self.done.succeed(fate)

    def pod_left(self, *, broken: bool, told: bool) -> None:
        """The pod has answered, or died (HAProxy then answers 502)."""
        self.pod = None
        if told:
            self.end("server_error" if broken else "ok")


Observer = Callable[[float, int], None]
"""Told when a stay begins (1) or ends (-1), with the time."""


def _ignore(_now_s: float, _step: int) -> None:
    return


class Backend:
    """One backend of one HAProxy process. Servers may come, drain and go at any time.

    `present` counts the requests in it, waiting or served: what `fullconn` is compared with.
    """

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
        self.present = self._at_servers = 0
        self.slowstart_s = math.ceil(settings.slowstart_s)
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

    def add(self, server: Server, *, slowly: bool = False) -> None:
        """A server comes into rotation and helps itself to the backend's queue."""
        self.servers[server.pod.name] = server
        server.backend, server.usable = self, True
        server.joined_s = None
        server.eweight = server.weight * WEIGHT_SCALE
        self._usable += 1
        if slowly and self.slowstart_s:
            server.joined_s = self.env.now
            server.eweight = server.weight
            self._warm_up_at(server, server.joined_s, 1)
        self._picker.add(server)
        self._serve_waiting(server)

    def _warm_up_at(self, server: Server, joined_s: float, elapsed_s: int) -> None:
        self.env.at(joined_s + elapsed_s, lambda: self._warm_up(server, joined_s, elapsed_s), DATA)

    def _warm_up(self, server: Server, joined_s: float, elapsed_s: int) -> None:
        """Once a second: more weight and more slots. Source: HAProxy 2.8, server.c, server_warmup."""
        if not server.usable or server.joined_s != joined_s:
            return
        slow_s = self.slowstart_s
        server.eweight = server.weight * min(WEIGHT_SCALE, (WEIGHT_SCALE * elapsed_s + slow_s) // slow_s)
        self._picker.reweighted(server)
        if elapsed_s < slow_s:
            self._warm_up_at(server, joined_s, elapsed_s + 1)
        self._serve_waiting(server)

    @property
    def waiting(self) -> int:
        """Requests in its queue and in those of its servers."""
        return len(self.queue) + self._at_servers

    def drain(self, pod: str) -> None:
        """No new requests for a pod; what it serves it finishes, what waits for it goes elsewhere.

        When it was the last, nobody waits any longer. Source: measured, tests/integration/test_haproxy_queues.py.
        """
        server = self.servers.pop(pod, None)
        if server is None:
            return
        server.usable = False
        self._usable -= 1
        self._picker.remove(server)
        for attempt in list(server.queue):
            self._leave_queue(attempt)
            self._dispatch(attempt, avoid=None)
        if not self._usable:
            for attempt in list(self.queue):
                attempt.end("no_server")

    def submit(self, attempt: Attempt) -> None:
        """A request arrives from the proxy's frontend."""
        attempt.backend = self
        self.present += 1
        attempt.retries_left = self.settings.retries
        self._dispatch(attempt, avoid=None)

    def let_go(self, attempt: Attempt) -> None:
        """An attempt is over: it leaves its queue, or its slot goes to the next."""
        if attempt.queue is not None:
            self._leave_queue(attempt)
        elif attempt.server is not None:
            self._release(attempt)
        self.present -= 1  # who leaves still counts while the slot is given on

    def _dispatch(self, attempt: Attempt, avoid: Server | None) -> None:
        if not self._usable:
            attempt.end("no_server")
            return
        server = self._pick(attempt, avoid)
        if server is None:
            self._enqueue(attempt, self.queue)
        elif has_room(server):
            self._take(server, attempt)
        elif server.maxqueue and server.queued >= server.maxqueue:
            attempt.end("queue_timeout")
        else:
            self._enqueue(attempt, server.queue)
            self._serve_waiting(server)  # its limit may have risen meanwhile

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
        self._at_servers += queue is not self.queue
        self._waited(now, 1)
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
        self._at_servers -= attempt.queue is not self.queue
        attempt.queue = None
        self._waited(self.env.now, -1)

    def _take(self, server: Server, attempt: Attempt) -> None:
        """Give the attempt a slot and connect."""
        now = self.env.now
        server.served += 1
        self._picker.moved(server)
        self._served(now, 1)
        attempt.server, attempt.last_pod = server, server.pod.name
        welcome = server.pod.accept(attempt)
        if welcome != "taken":
            wait_s = REFUSAL_S if welcome == "refused" else self.settings.timeouts.connect_s
            self.env.after(wait_s, lambda: self._refused(attempt))
            return
        attempt.pod = server.pod
        limit_s = self.settings.timeouts.server_s
        if now + limit_s < attempt.deadline_s:
            self.env.after(limit_s, lambda: self._server_timeout(attempt))

    def _server_timeout(self, attempt: Attempt) -> None:
        """HAProxy answers 504; the pod works on."""
        attempt.end("server_error")

    def _refused(self, attempt: Attempt) -> None:
        """No connection. Retry, elsewhere if the algorithm can (`option redispatch 1`), until the retries are used up.

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
            wait_s = min(TURN_AROUND_S, self.settings.timeouts.connect_s)
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
        self._served(self.env.now, -1)
        self._serve_waiting(server)

    def _serve_waiting(self, server: Server) -> None:
        """Fill a server's free slots with the older of its own queue's head and the backend's."""
        while not server.limit or server.served < server.limit:
            own = next(iter(server.queue), None)
            shared = next(iter(self.queue), None) if server.usable else None
            if own is None and shared is None:
                return
            first = own is not None and (shared is None or own.queued_s <= shared.queued_s)
            attempt = own if first else shared
            assert attempt is not None
            self._leave_queue(attempt)
            self._take(server, attempt)

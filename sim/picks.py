"""How a backend picks a server: HAProxy 2.8's algorithms that look at turns, load or order.

Every picker holds the usable servers of one backend (not the draining ones) and answers `pick` with a
server, or None when the request must wait in the backend's queue. `moved` is called whenever a server's
load changed. Each follows the source file its docstring names, since ties and the place of a newcomer
decide who gets the next request. The ring and the hashed picks are in `sim.ring`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Protocol

from balancer.policy.config import Balance
from sim.dataplane.facts import MAX_WEIGHT, WEIGHT_RANGE, WEIGHT_SCALE


class Load(Protocol):
    """What a picker may know of a server. `eweight` is its weight now, scaled; `maxqueue` 0 is no bound."""

    id: int
    weight: int
    eweight: int
    served: int

    @property
    def maxqueue(self) -> int:
        """How many may wait for it, when that is bounded."""

    @property
    def queued(self) -> int:
        """Requests waiting for this very server."""

    @property
    def limit(self) -> int:
        """How many it may serve at once now; 0 is unlimited."""


def has_room(server: Load) -> bool:
    """Whether one more request would be served at once."""
    limit = server.limit
    return not limit or (not server.queued and server.served < limit)


@dataclass(slots=True)
class Turn:
    """A server's place in the round: `position` is when it is due, `last` when it was, `rest` what division left over."""

    server: Load
    weight: int
    order: int = 0
    position: int = 0
    last: int = 0
    rest: int = 0
    key: int = 0
    tree: str = ""


class RoundRobin:
    """Smooth weighted round robin. Source: HAProxy 2.8, lb_fwrr.c.

    A cycle has as many positions as the scaled weights add up to; a server of weight w is due every
    total / w positions. Servers never picked wait in `init`, those due this cycle in `now`, the others in
    `next`, whose role `init` takes when a cycle ends.
    """

    def __init__(self) -> None:
        self._turns: dict[Load, Turn] = {}
        self._trees: dict[str, list[tuple[int, int, Turn]]] = {"init": [], "now": [], "next": []}
        self._cycle = 0  # total weight of the running cycle
        self._total = 0  # total weight of the next one
        self._position = 0
        self._order = 0
        self._started = False

    def add(self, server: Load) -> None:
        """Before the first pick a server starts with the others; later it joins half a round away or so."""
        turn = Turn(server, server.eweight)
        self._turns[server] = turn
        self._total += turn.weight
        if not self._started:
            self._insert("init", MAX_WEIGHT - turn.weight, turn)
            self._cycle = self._position = self._total
            return
        turn.position = self._position + (self._total + self._cycle - self._position) // turn.weight
        self._requeue(turn)

    def remove(self, server: Load) -> None:
        """A server leaves rotation."""
        turn = self._turns.pop(server)
        self._total -= turn.weight
        self._take_out(turn)

    def moved(self, server: Load) -> None:
        """Load does not matter to turns."""

    def reweighted(self, server: Load) -> None:
        """A server that has not had all its places in this cycle is due sooner or later than it was."""
        turn = self._turns[server]
        self._total += server.eweight - turn.weight
        turn.weight = server.eweight
        waits_for_first = turn.tree == "init"
        self._take_out(turn)
        if waits_for_first:
            self._insert("init", MAX_WEIGHT - turn.weight, turn)
            return
        step = self._total // turn.weight
        turn.position, turn.rest = min(turn.position, turn.last + step), 0
        if turn.position < self._position + 2:
            turn.position = self._position + step
        self._requeue(turn)

    def pick(self, avoid: Load | None = None) -> Load | None:
        """The next server with room in turn; `avoid` only if no other has any."""
        self._started = True
        if not self._cycle:
            self._position = self._cycle = self._total
        passed_over: list[Turn] = []
        avoided: Turn | None = None
        switched = False
        chosen: Turn | None = None
        while chosen is None:
            turn = self._due()
            if turn is None and not switched:
                switched = True
                self._switch()
                continue
            if turn is None:
                if avoided is not None:
                    chosen = avoided
                    passed_over.remove(avoided)
                break
            self._advance(turn)
            if has_room(turn.server) and (turn.server is not avoid or avoided is not None):
                chosen = turn
            else:
                if has_room(turn.server):
                    avoided = turn
                passed_over.append(turn)
        if chosen is not None:
            self._requeue(chosen)
        for turn in reversed(passed_over):
            if switched:  # their places were lost with the old cycle
                self._insert("init", MAX_WEIGHT - turn.weight, turn)
            else:
                self._requeue(turn)
        return chosen.server if chosen else None

    def _due(self) -> Turn | None:
        """The first of this cycle, or a server never picked when there is a hole before it."""
        now, init = self._trees["now"], self._trees["init"]
        first = now[0][2] if now else None
        if init and (first is None or first.position > self._position):
            first = init[0][2]
            first.position = first.rest = 0
        return first

    def _switch(self) -> None:
        self._trees["init"], self._trees["next"] = self._trees["next"], self._trees["init"]
        for name in ("init", "next"):
            for _, _, turn in self._trees[name]:
                turn.tree = name
        self._position = self._cycle = self._total

    def _advance(self, turn: Turn) -> None:
        """Move a server to its next position, whether or not it is the one picked in the end."""
        if not turn.position:
            turn.position = self._position
        turn.last = turn.position
        step, rest = divmod(self._total, turn.weight)
        turn.position += step
        turn.rest += rest
        if turn.rest >= turn.weight:
            turn.rest -= turn.weight
            turn.position += 1
        self._take_out(turn)
        self._position += 1

    def _requeue(self, turn: Turn) -> None:
        if turn.position >= 2 * self._cycle or turn.position >= self._cycle + self._total:
            turn.position -= self._cycle
            self._insert("next", MAX_WEIGHT - turn.weight, turn)
        else:
            key = WEIGHT_RANGE * turn.position + (MAX_WEIGHT + turn.rest - turn.weight) // WEIGHT_SCALE
            self._insert("now", key, turn)

    def _insert(self, tree: str, key: int, turn: Turn) -> None:
        self._order += 1
        turn.order, turn.key, turn.tree = self._order, key, tree
        insort(self._trees[tree], (key, turn.order, turn))

    def _take_out(self, turn: Turn) -> None:
        tree = self._trees.get(turn.tree)
        if tree is not None:
            del tree[bisect_left(tree, (turn.key, turn.order))]
            turn.tree = ""


class LeastConnections:
    """The smallest (inflight + 1) / weight, idle servers first; equals rotate. Source: HAProxy 2.8, lb_fwlc.c."""

    def __init__(self) -> None:
        self._tree: list[tuple[int, int, Load]] = []
        self._place: dict[Load, tuple[int, int]] = {}
        self._order = 0

    def add(self, server: Load) -> None:
        """A server comes into rotation."""
        self._insert(self._key(server), server)

    def remove(self, server: Load) -> None:
        """A server leaves rotation."""
        self._take_out(server)

    def moved(self, server: Load) -> None:
        """A server whose key changed goes behind its new equals."""
        place = self._place.get(server)
        key = self._key(server)
        if place is not None and place[0] != key:
            self._take_out(server)
            self._insert(key, server)

    def reweighted(self, server: Load) -> None:
        """A server of another weight goes behind its new equals, also when its key is the same."""
        self._take_out(server)
        self._insert(self._key(server), server)

    def pick(self, avoid: Load | None = None) -> Load | None:
        """The least loaded server with room; `avoid` only if no other has any."""
        avoided = None
        for _, _, server in self._tree:
            limit = server.limit
            if not limit or server.served + server.queued < limit + server.maxqueue:
                if server is not avoid:
                    return server
                avoided = server
        return avoided

    @staticmethod
    def _key(server: Load) -> int:
        inflight = server.served + server.queued
        return (inflight + 1) * MAX_WEIGHT // server.eweight if inflight else 0

    def _insert(self, key: int, server: Load) -> None:
        self._order += 1
        self._place[server] = (key, self._order)
        insort(self._tree, (key, self._order, server))

    def _take_out(self, server: Load) -> None:
        del self._tree[bisect_left(self._tree, self._place.pop(server))]


class First:
    """The server of the lowest id that has room. Source: HAProxy 2.8, lb_fas.c."""

    def __init__(self) -> None:
        self._servers: list[tuple[int, Load]] = []

    def add(self, server: Load) -> None:
        """A server comes into rotation."""
        insort(self._servers, (server.id, server))

    def remove(self, server: Load) -> None:
        """A server leaves rotation."""
        self._servers.remove((server.id, server))

    def moved(self, server: Load) -> None:
        """Load is read when a server is picked."""

    def reweighted(self, server: Load) -> None:
        """Weights do not change here at run time."""

    def pick(self, avoid: Load | None = None) -> Load | None:
        """The lowest id with room; `avoid` only if no other has any."""
        avoided = None
        for _, server in self._servers:
            if has_room(server):
                if server is not avoid:
                    return server
                avoided = server
        return avoided


class StaticMap:
    """A fixed table in which each server stands as often as its weight says. Source: HAProxy 2.8, lb_map.c.

    static-rr walks the table; source, uri, hdr and url_param look a hash up in it, full or not.
    """

    def __init__(self) -> None:
        self._servers: list[Load] = []
        self._map: list[Load] = []
        self._next = 0

    def add(self, server: Load) -> None:
        """A server comes into rotation."""
        self._servers.append(server)
        self._rebuild()

    def remove(self, server: Load) -> None:
        """A server leaves rotation."""
        self._servers.remove(server)
        self._rebuild()

    def moved(self, server: Load) -> None:
        """Load is read when a server is picked."""

    def reweighted(self, server: Load) -> None:
        """Weights do not change here at run time."""

    def pick(self, avoid: Load | None = None) -> Load | None:
        """The next of the table that has room; `avoid` only if no other has any."""
        size = len(self._map)
        start = self._next if self._next < size else 0
        avoided: int | None = None
        for i in range(start, start + size):
            server = self._map[i % size]
            if has_room(server):
                if server is not avoid:
                    self._next = i % size + 1
                    return server
                avoided = i % size
        if avoided is None:
            return None
        self._next = avoided + 1
        return self._map[avoided]

    def at(self, value: int) -> Load | None:
        """The server a hash belongs to."""
        return self._map[value % len(self._map)] if self._map else None

    def _rebuild(self) -> None:
        self._map = [self._servers[i] for i in map_places([server.weight for server in self._servers])]


def map_places(weights: Sequence[int]) -> list[int]:
    """Which server stands at each place of a map; the first of equal scores wins a place."""
    divisor = gcd(*weights) or 1
    shares = [weight // divisor for weight in weights]
    total = sum(shares)
    scores = [0] * len(shares)
    places = []
    for _ in range(total):
        scores = [score + share for score, share in zip(scores, shares, strict=True)]
        best = max(range(len(scores)), key=lambda i: ((scores[i] + total) // total, -i)) if total > 1 else 0
        places.append(best)
        scores[best] -= total
    return places


Turns = RoundRobin | LeastConnections | First | StaticMap


def turns_picker(balance: Balance) -> Turns:
    """The picker of an algorithm that needs neither a key nor a random number."""
    pickers: dict[str, type[Turns]] = {
        "roundrobin": RoundRobin,
        "static-rr": StaticMap,
        "leastconn": LeastConnections,
        "first": First,
    }
    return pickers[balance.algorithm]()

"""The consistent-hash ring: random(N), and hashed picks under `hash-type consistent`.

Source: HAProxy 2.8, lb_chash.c and get_server_rnd in backend.c. A server of weight w stands at 16 x w
points, each the avalanche of (its id, point number); a value belongs to the nearest point, the one before
winning a tie.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sim.dataplane.facts import MAX_WEIGHT
from sim.hashing import avalanche_all
from sim.picks import Load, has_room

_MASK = 0xFFFFFFFF


class Ring:
    """Points of all usable servers, in the order of their keys.

    `balance_factor` f caps a hashed server at its weight's share of ceil((served in all + 1) x f / 100)
    slots; a value that falls on a server beyond that goes to the next point on the ring. 0 is no cap.
    """

    def __init__(self, balance_factor: int = 0) -> None:
        self._balance_factor = balance_factor
        self._servers: list[Load] = []
        self._keys: list[int] = []
        self._owners: list[Load] = []
        self._last = -1

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

    def reweighted(self, _server: Load) -> None:
        """A server has as many points as its weight says now."""
        self._rebuild()

    def at(self, value: int, avoid: Load | None = None) -> Load | None:
        """The server nearest to a hash, not `avoid` and not beyond its cap unless all others are."""
        if not self._keys:
            return None
        keys = self._keys
        size = len(keys)
        after = bisect_left(keys, value) % size
        before = after - 1 if after else size - 1
        nearest = before if (value - keys[before]) & _MASK <= (keys[after] - value) & _MASK else after
        server = self._owners[nearest]
        if server is not avoid and not self._balance_factor:
            return server
        wraps = 0
        while server is avoid or (self._balance_factor and not self._below_cap(server)):
            nearest += 1
            if nearest == size:
                nearest = 0
                wraps += 1
                if wraps > 1:
                    break
            server = self._owners[nearest]
        return server

    def drawn(self, draws: Sequence[int], avoid: Load | None = None) -> Load | None:
        """random(N): of the servers drawn the one with the least served per weight, the later draw on a tie.

        A full winner means that the request waits in the backend's queue, also when another has room.
        """
        best: Load | None = None
        for value in draws:
            server = self.at(value, avoid)
            if server is None:
                return None
            if best is None or best is server or server.served * best.eweight <= best.served * server.eweight:
                best = server
        return best if best is not None and has_room(best) else None

    def pick(self, avoid: Load | None = None) -> Load | None:
        """The owner of the next point whose server has room: the way of a request without a key."""
        avoided: int | None = None
        size = len(self._keys)
        for i in range(self._last + 1, self._last + 1 + size):
            server = self._owners[i % size]
            if has_room(server):
                if server is not avoid:
                    self._last = i % size
                    return server
                avoided = i % size
        if avoided is None:
            return None
        self._last = avoided
        return self._owners[avoided]

    def _below_cap(self, server: Load) -> bool:
        total = sum(s.eweight for s in self._servers)
        slots = -(-(sum(s.served for s in self._servers) + 1) * self._balance_factor // 100)
        whole, rest = divmod(slots, total)
        before = sum(s.eweight for s in self._servers[: self._servers.index(server)])
        weight = server.eweight
        share = weight * whole + (before + weight) * rest // total - before * rest // total
        return server.served < max(share, 1)

    def _rebuild(self) -> None:
        """All points anew, and the walk of `pick` from where its last point was."""
        last_key = self._keys[self._last] if 0 <= self._last < len(self._keys) else None
        if not self._servers:
            self._keys, self._owners, self._last = [], [], -1
            return
        keys, owners = ring_points(tuple((server.id, server.eweight) for server in self._servers))
        self._keys = keys.tolist()
        self._owners = [self._servers[i] for i in owners.tolist()]
        self._last = -1 if last_key is None else bisect_left(self._keys, last_key) % len(self._keys)


@lru_cache(maxsize=8)
def ring_points(servers: tuple[tuple[int, int], ...]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Keys (n,) ascending and the places in `servers` that own them; a server is (id, effective weight).

    Of equal keys those of a server added earlier come first.
    """
    points = [id_ * MAX_WEIGHT + np.arange(eweight, dtype=np.int64) for id_, eweight in servers]
    keys = avalanche_all((np.concatenate(points) & _MASK).astype(np.uint32))
    owners = np.repeat(np.arange(len(servers)), [eweight for _, eweight in servers])
    order = np.argsort(keys, kind="stable")
    return keys[order], owners[order]

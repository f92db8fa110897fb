"""Maps and hash rings on rows, and random(N). Source: HAProxy 2.8, lb_map.c, lb_chash.c; see sim.picks.StaticMap and sim.ring.Ring."""

from __future__ import annotations

import numpy as np

from sim.dataplane.compiled import compiled, inlined
from sim.dataplane.draws import bits_32, part_key
from sim.dataplane.facts import MOST_DRAWS
from sim.dataplane.limits import has_room
from sim.dataplane.memory import Root, attempts, backends, groups, keys, points, seats
from sim.dataplane.tables import PICKS_KEY

_MASK = 0xFFFFFFFF


@compiled
def walk(s: Root, group: int, avoid: int, ring: bool) -> int:
    """The next point whose server has room."""
    g = groups(s)[group]
    at, n = g.points_at, g.points
    start = g.walk + 1
    if not ring and start >= n:
        start = 0
    avoided = -1
    for i in range(start, start + n):
        seat = points(s)[at + i % n].seat
        if has_room(s, seat):
            if seat != avoid:
                g.walk = i % n
                return seat
            avoided = i % n
    if avoided < 0:
        return -1
    g.walk = avoided
    return points(s)[at + avoided].seat


@compiled
def nearest(s: Root, group: int, value: int, avoid: int) -> int:
    """The server nearest to a hash, not `avoid` and not beyond its cap unless all others are."""
    g = groups(s)[group]
    at, n = g.points_at, g.points
    if n == 0:
        return -1
    low, high = 0, n
    while low < high:
        middle = (low + high) >> 1
        if points(s)[at + middle].key < value:
            low = middle + 1
        else:
            high = middle
    after = low % n
    previous = after - 1 if after else n - 1
    nearer = ((value - points(s)[at + previous].key) & _MASK) <= ((points(s)[at + after].key - value) & _MASK)
    place = previous if nearer else after
    seat = points(s)[at + place].seat
    capped = backends(s)[g.backend].balance_factor > 0
    wraps = 0
    while seat == avoid or (capped and not _below_cap(s, group, seat)):
        place += 1
        if place == n:
            place = 0
            wraps += 1
            if wraps > 1:
                break
        seat = points(s)[at + place].seat
    return seat


@compiled
def _below_cap(s: Root, group: int, seat: int) -> bool:
    g = groups(s)[group]
    server = seats(s)[seat]
    total = g.weight
    factor = backends(s)[g.backend].balance_factor
    slots = ((g.served + 1) * factor + 99) // 100
    whole, rest = slots // total, slots % total
    before, weight = server.before, server.eweight
    share = weight * whole + (before + weight) * rest // total - before * rest // total
    return bool(server.served < max(share, 1))


@inlined
def avalanche(value: int) -> int:
    """HAProxy's full_hash of 32 bits; see sim.hashing.avalanche."""
    a = np.uint64(value)
    mask = np.uint64(0xFFFFFFFF)
    a = (a + np.uint64(0x7ED55D16) + (a << np.uint64(12))) & mask
    a = (a ^ np.uint64(0xC761C23C)) ^ (a >> np.uint64(19))
    a = (a + np.uint64(0x165667B1) + (a << np.uint64(5))) & mask
    a = ((a + np.uint64(0xD3A2646C)) ^ (a << np.uint64(9))) & mask
    a = (a + np.uint64(0xFD7046C5) + (a << np.uint64(3))) & mask
    a = (a ^ np.uint64(0xB55A4F09)) ^ (a >> np.uint64(16))
    return np.int64((a * np.uint64(3221225473)) & mask)  # type: ignore[return-value]  # an int in Python's eyes


@compiled
def drawn(s: Root, group: int, row: int, avoid: int) -> int:
    """random(N): of the servers drawn the one with the least served per weight, the later draw on a tie."""
    g = groups(s)[group]
    a = attempts(s)[row]
    if g.points == 0:
        return -1
    number, who = a.number, a.who
    best = -1
    for draw in range(backends(s)[g.backend].draws):
        value = bits_32(part_key(keys(s)[PICKS_KEY], number * MOST_DRAWS + draw), who)
        if avoid >= 0:
            value = avalanche((value + a.retries_left) & _MASK)
        seat = nearest(s, group, value, avoid)
        if (
            best < 0
            or seat == best
            or seats(s)[seat].served * seats(s)[best].eweight <= seats(s)[best].served * seats(s)[seat].eweight
        ):
            best = seat
    return best if has_room(s, best) else -1

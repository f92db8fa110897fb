"""How a backend picks a server, on rows: the same algorithms as `sim.picks` and `sim.ring`, with the same ties.

leastconn and first keep a tournament tree of the servers that have room, so that a pick among 200 costs little more
than one among 8; round robin keeps its three trees as heaps.
"""

from __future__ import annotations

import numpy as np

from sim.dataplane.compiled import compiled, inlined
from sim.dataplane.draws import bits_32, part_key
from sim.dataplane.memory import Root, attempts, backends, groups, keys, leaves, points, real, seats
from sim.dataplane.tables import (
    FIRST,
    HASH_MAP,
    HASH_RING,
    LEASTCONN,
    NOW_S,
    PICKS_KEY,
    RANDOM,
    ROUNDROBIN,
)

NO_ROOM = 1 << 62
_ORDER_BITS = 35
_WEIGHT_SCALE, _WEIGHT_RANGE = 16, 256
_MAX_WEIGHT = _WEIGHT_SCALE * _WEIGHT_RANGE
_MASK = 0xFFFFFFFF
_MOST_DRAWS = 256
_GRAIN_S = 1e-9
_NOW_TREE = 1


@inlined
def limit_of(s: Root, seat: int) -> int:
    """How many requests a server may serve at once now; 0 is unlimited."""
    server = seats(s)[seat]
    limit = server.maxconn
    if limit == 0:
        return 0
    group = server.group
    g = groups(s)[group]
    backend = g.backend
    b = backends(s)[backend]
    fullconn, present = b.fullconn, g.present
    if server.minconn > 0 and fullconn > 0 and present < fullconn:
        limit = min(limit, max(server.minconn, present * limit // fullconn))
    joined_s = server.joined_s
    if joined_s >= 0.0:  # NaN unless it starts slowly
        slow_s = b.slowstart_s
        elapsed_s = np.int64(np.floor(real(s)[NOW_S] - joined_s + _GRAIN_S))
        if elapsed_s < slow_s:
            limit = max(1, limit * (100 * elapsed_s // slow_s) // 100)
    return limit


@inlined
def has_room(s: Root, seat: int) -> bool:
    """Whether one more request would be served at once."""
    server = seats(s)[seat]
    limit = limit_of(s, seat)
    return limit == 0 or (server.queued == 0 and server.served < limit)


@inlined
def _takes_one_more(s: Root, seat: int) -> bool:
    """Leastconn's own idea of room, which counts a bounded queue in."""
    server = seats(s)[seat]
    limit = limit_of(s, seat)
    maxqueue = backends(s)[groups(s)[server.group].backend].maxqueue
    return limit == 0 or server.served + server.queued < limit + maxqueue


@inlined
def _load_key(s: Root, seat: int) -> int:
    server = seats(s)[seat]
    inflight = server.served + server.queued
    return (inflight + 1) * _MAX_WEIGHT // server.eweight if inflight else 0


@inlined
def _value(s: Root, algorithm: int, seat: int) -> int:
    server = seats(s)[seat]
    if algorithm == FIRST:
        return server.id
    return (server.key << _ORDER_BITS) | server.order


@compiled
def set_leaf(s: Root, at: int, size: int, slot: int, value: int, seat: int) -> None:
    """Change one leaf of a tournament tree and the winners above it."""
    tree = leaves(s)
    i = size + slot
    tree[at + i].key, tree[at + i].seat = value, seat
    i >>= 1
    while i > 0:
        left, right = at + 2 * i, at + 2 * i + 1
        winner = left if tree[left].key <= tree[right].key else right
        if tree[at + i].key == tree[winner].key and tree[at + i].seat == tree[winner].seat:
            return
        tree[at + i].key, tree[at + i].seat = tree[winner].key, tree[winner].seat
        i >>= 1


@inlined
def _refresh(s: Root, group: int, algorithm: int, seat: int) -> None:
    g = groups(s)[group]
    room = _takes_one_more(s, seat) if algorithm == LEASTCONN else has_room(s, seat)
    value = _value(s, algorithm, seat) if room else NO_ROOM
    set_leaf(s, g.leaves_at, g.leaves, seats(s)[seat].slot, value, seat)


@inlined
def moved(s: Root, seat: int) -> None:
    """A server's load has changed."""
    server = seats(s)[seat]
    group = server.group
    g = groups(s)[group]
    algorithm = backends(s)[g.backend].algorithm
    if algorithm == LEASTCONN:
        key = _load_key(s, seat)
        if key != server.key:
            server.key = key
            server.order = g.order
            g.order += 1
        _refresh(s, group, algorithm, seat)
    elif algorithm == FIRST:
        _refresh(s, group, algorithm, seat)


@inlined
def queue_moved(s: Root, seat: int) -> None:
    """A server's own queue has changed, which alone moves nobody in line but may make or take room."""
    server = seats(s)[seat]
    group = server.group
    algorithm = backends(s)[groups(s)[group].backend].algorithm
    if server.usable and (algorithm in (LEASTCONN, FIRST)):
        _refresh(s, group, algorithm, seat)


@compiled
def joined(s: Root, seat: int) -> None:
    """A server has come into rotation; its slot, and points of a map or ring, are there already."""
    server = seats(s)[seat]
    group = server.group
    g = groups(s)[group]
    algorithm = backends(s)[g.backend].algorithm
    g.served += server.served
    if algorithm == ROUNDROBIN:
        _join_round(s, group, seat)
    elif algorithm in (LEASTCONN, FIRST):
        server.key = _load_key(s, seat)
        server.order = g.order
        g.order += 1
        _refresh(s, group, algorithm, seat)


@compiled
def left(s: Root, seat: int) -> None:
    """A server leaves rotation."""
    server = seats(s)[seat]
    group = server.group
    g = groups(s)[group]
    algorithm = backends(s)[g.backend].algorithm
    g.served -= server.served
    if algorithm == ROUNDROBIN:
        g.total -= server.turn_weight
        _take_out(s, group, seat)
    elif algorithm in (LEASTCONN, FIRST):
        set_leaf(s, g.leaves_at, g.leaves, server.slot, NO_ROOM, -1)


@compiled
def reweighted(s: Root, seat: int) -> None:
    """A server's effective weight has changed; a ring's points are the caller's business."""
    server = seats(s)[seat]
    group = server.group
    g = groups(s)[group]
    algorithm = backends(s)[g.backend].algorithm
    if algorithm == ROUNDROBIN:
        _reweigh_round(s, group, seat)
    elif algorithm == LEASTCONN:
        server.key = _load_key(s, seat)
        server.order = g.order
        g.order += 1
        _refresh(s, group, algorithm, seat)
    elif algorithm == FIRST:
        _refresh(s, group, algorithm, seat)


@compiled
def pick(s: Root, group: int, row: int, avoid: int) -> int:
    """The server of an attempt, or -1 when it must wait in the backend's queue; `avoid` is where it has just failed."""
    g = groups(s)[group]
    backend = g.backend
    b = backends(s)[backend]
    algorithm = b.algorithm
    if g.queued > 0 and b.queue_means_full:
        return -1
    if algorithm in (LEASTCONN, FIRST):
        return _least(s, group, algorithm, avoid)
    if algorithm == ROUNDROBIN:
        return _next_round(s, group, avoid)
    if algorithm == RANDOM:
        return _drawn(s, group, row, avoid)
    value = attempts(s)[row].hash
    if value < 0 or algorithm not in (HASH_MAP, HASH_RING):
        return _walk(s, group, avoid, algorithm == HASH_RING)
    if algorithm == HASH_MAP:
        n = g.points
        return points(s)[g.points_at + value % n].seat if n else -1
    return _at(s, group, value, avoid)


@compiled
def _least(s: Root, group: int, algorithm: int, avoid: int) -> int:
    g = groups(s)[group]
    at, size = g.leaves_at, g.leaves
    if backends(s)[g.backend].scan:
        return _least_of_all(s, group, algorithm, avoid)
    best = at + 1
    if avoid < 0 or leaves(s)[best].seat != avoid:
        return leaves(s)[best].seat if leaves(s)[best].key < NO_ROOM else -1
    slot, kept = seats(s)[avoid].slot, leaves(s)[best].key
    set_leaf(s, at, size, slot, NO_ROOM, -1)
    seat = leaves(s)[best].seat if leaves(s)[best].key < NO_ROOM else avoid
    set_leaf(s, at, size, slot, kept, avoid)
    return seat if kept < NO_ROOM else -1


@compiled
def _least_of_all(s: Root, group: int, algorithm: int, avoid: int) -> int:
    g = groups(s)[group]
    at, size = g.leaves_at, g.leaves
    best, best_value, avoided = -1, NO_ROOM, -1
    for slot in range(size):
        seat = leaves(s)[at + size + slot].seat
        if seat < 0:
            continue
        if _takes_one_more(s, seat) if algorithm == LEASTCONN else has_room(s, seat):
            value = _value(s, algorithm, seat)
            if seat == avoid:
                avoided = seat
            elif value < best_value:
                best, best_value = seat, value
    return best if best >= 0 else avoided


# Round robin. Source: HAProxy 2.8, lb_fwrr.c; see sim.picks.RoundRobin.


@inlined
def _cells_at(s: Root, group: int, tree: int) -> int:
    g = groups(s)[group]
    return g.leaves_at + (2 + tree) * g.leaves


@compiled
def _put(s: Root, group: int, tree: int, key: int, seat: int) -> None:
    """Into a heap, behind its equals."""
    g = groups(s)[group]
    at, i = _cells_at(s, group, tree), g.sizes[tree]
    g.sizes[tree] = i + 1
    value = (key << _ORDER_BITS) | g.order
    g.order += 1
    seats(s)[seat].tree = tree
    cells = leaves(s)
    while i > 0:
        above = (i - 1) >> 1
        if cells[at + above].key < value:
            break
        cells[at + i] = cells[at + above]
        i = above
    cells[at + i].key, cells[at + i].seat = value, seat


@compiled
def _take_out(s: Root, group: int, seat: int) -> None:
    """Out of the heap it is in, if any; nearly always its first."""
    g = groups(s)[group]
    server = seats(s)[seat]
    tree = server.tree
    if tree < 0:
        return
    server.tree = -1
    at, n = _cells_at(s, group, tree), g.sizes[tree] - 1
    g.sizes[tree] = n
    cells = leaves(s)
    i = 0
    while cells[at + i].seat != seat:
        i += 1
    if i == n:
        return
    key, moving = cells[at + n].key, cells[at + n].seat
    while i > 0 and cells[at + ((i - 1) >> 1)].key > key:
        cells[at + i] = cells[at + ((i - 1) >> 1)]
        i = (i - 1) >> 1
    while 2 * i + 1 < n:
        below = 2 * i + 1
        if below + 1 < n and cells[at + below + 1].key < cells[at + below].key:
            below += 1
        if key < cells[at + below].key:
            break
        cells[at + i] = cells[at + below]
        i = below
    cells[at + i].key, cells[at + i].seat = key, moving


@compiled
def _join_round(s: Root, group: int, seat: int) -> None:
    server = seats(s)[seat]
    weight = server.eweight
    g = groups(s)[group]
    server.turn_weight = weight
    server.position = server.last = server.rest = 0
    server.tree = -1
    groups(s)[group].total += weight
    if not g.started:
        _put(s, group, g.init, _MAX_WEIGHT - weight, seat)
        groups(s)[group].cycle = groups(s)[group].position = groups(s)[group].total
        return
    server.position = g.position + (groups(s)[group].total + g.cycle - g.position) // weight
    _requeue(s, group, seat)


@compiled
def _requeue(s: Root, group: int, seat: int) -> None:
    server = seats(s)[seat]
    g = groups(s)[group]
    position, weight = server.position, server.turn_weight
    if position >= 2 * g.cycle or position >= g.cycle + g.total:
        server.position = position - g.cycle
        _put(s, group, g.next, _MAX_WEIGHT - weight, seat)
    else:
        key = _WEIGHT_RANGE * position + (_MAX_WEIGHT + server.rest - weight) // _WEIGHT_SCALE
        _put(s, group, _NOW_TREE, key, seat)


@compiled
def _reweigh_round(s: Root, group: int, seat: int) -> None:
    g = groups(s)[group]
    server = seats(s)[seat]
    weight = server.eweight
    g.total += weight - server.turn_weight
    server.turn_weight = weight
    waits_for_first = server.tree == g.init
    _take_out(s, group, seat)
    if waits_for_first:
        _put(s, group, g.init, _MAX_WEIGHT - weight, seat)
        return
    step = g.total // weight
    server.position = min(server.position, server.last + step)
    server.rest = 0
    if server.position < g.position + 2:
        server.position = g.position + step
    _requeue(s, group, seat)


@compiled
def _due(s: Root, group: int) -> int:
    g = groups(s)[group]
    first = leaves(s)[_cells_at(s, group, _NOW_TREE)].seat if g.sizes[_NOW_TREE] else -1
    if g.sizes[g.init] and (first < 0 or seats(s)[first].position > g.position):
        first = leaves(s)[_cells_at(s, group, g.init)].seat
        seats(s)[first].position = seats(s)[first].rest = 0
    return first


@compiled
def _next_round(s: Root, group: int, avoid: int) -> int:
    """The next server with room in turn. Those passed over wait at the end of a list made of `before` columns."""
    g = groups(s)[group]
    g.started = 1
    if not g.cycle:
        g.position = g.cycle = g.total
    passed, avoided, chosen = -1, -1, -1
    switched = False
    while chosen < 0:
        seat = _due(s, group)
        if seat < 0 and not switched:
            switched = True
            g.init, g.next = g.next, g.init
            g.position = g.cycle = g.total
            continue
        if seat < 0:
            break
        _advance(s, group, seat)
        room = has_room(s, seat)
        if room and (seat != avoid or avoided >= 0):
            chosen = seat
            break
        if room:
            avoided = seat
        seats(s)[seat].before = passed
        passed = seat
    if chosen < 0:
        chosen = avoided
    if chosen >= 0:
        _requeue(s, group, chosen)
    while passed >= 0:
        if passed == chosen:
            pass
        elif switched:  # their places were lost with the old cycle
            _put(s, group, g.init, _MAX_WEIGHT - seats(s)[passed].turn_weight, passed)
        else:
            _requeue(s, group, passed)
        passed = seats(s)[passed].before
    return chosen


@compiled
def _advance(s: Root, group: int, seat: int) -> None:
    """Move a server to its next position, whether or not it is the one picked in the end."""
    g = groups(s)[group]
    server = seats(s)[seat]
    if not server.position:
        server.position = g.position
    server.last = server.position
    weight, total = server.turn_weight, g.total
    server.position += total // weight
    server.rest += total % weight
    if server.rest >= weight:
        server.rest -= weight
        server.position += 1
    _take_out(s, group, seat)
    g.position += 1


# Maps and rings. Source: HAProxy 2.8, lb_map.c, lb_chash.c; see sim.picks.StaticMap and sim.ring.Ring.


@compiled
def _walk(s: Root, group: int, avoid: int, ring: bool) -> int:
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
def _at(s: Root, group: int, value: int, avoid: int) -> int:
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
def _drawn(s: Root, group: int, row: int, avoid: int) -> int:
    """random(N): of the servers drawn the one with the least served per weight, the later draw on a tie."""
    g = groups(s)[group]
    a = attempts(s)[row]
    if g.points == 0:
        return -1
    number, who = a.number, a.who
    best = -1
    for draw in range(backends(s)[g.backend].draws):
        value = bits_32(part_key(keys(s)[PICKS_KEY], number * _MOST_DRAWS + draw), who)
        if avoid >= 0:
            value = avalanche((value + a.retries_left) & _MASK)
        seat = _at(s, group, value, avoid)
        if (
            best < 0
            or seat == best
            or seats(s)[seat].served * seats(s)[best].eweight <= seats(s)[best].served * seats(s)[seat].eweight
        ):
            best = seat
    return best if has_room(s, best) else -1

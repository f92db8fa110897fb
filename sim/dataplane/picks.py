"""How a backend picks a server, on rows: the same algorithms as `sim.picks` and `sim.ring`, with the same ties.

leastconn and first keep a tournament tree of the servers that have room, so that a pick among 200 costs little more
than one among 8; round robin keeps its three trees as heaps.
"""

from __future__ import annotations

from sim.dataplane import rings, turns
from sim.dataplane.compiled import compiled, inlined
from sim.dataplane.facts import MAX_WEIGHT
from sim.dataplane.limits import has_room, limit_of
from sim.dataplane.memory import Root, attempts, backends, groups, leaves, points, seats
from sim.dataplane.tables import FIRST, HASH_MAP, HASH_RING, LEASTCONN, RANDOM, ROUNDROBIN

NO_ROOM = 1 << 62


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
    return (inflight + 1) * MAX_WEIGHT // server.eweight if inflight else 0


@inlined
def _value(s: Root, algorithm: int, seat: int) -> int:
    server = seats(s)[seat]
    if algorithm == FIRST:
        return server.id
    return (server.key << turns.ORDER_BITS) | server.order


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
        turns.join(s, group, seat)
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
        turns.take_out(s, group, seat)
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
        turns.reweigh(s, group, seat)
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
        return turns.following(s, group, avoid)
    if algorithm == RANDOM:
        return rings.drawn(s, group, row, avoid)
    value = attempts(s)[row].hash
    if value < 0 or algorithm not in (HASH_MAP, HASH_RING):
        return rings.walk(s, group, avoid, algorithm == HASH_RING)
    if algorithm == HASH_MAP:
        n = g.points
        return points(s)[g.points_at + value % n].seat if n else -1
    return rings.nearest(s, group, value, avoid)


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

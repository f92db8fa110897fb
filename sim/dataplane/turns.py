"""Smooth weighted round robin on rows. Source: HAProxy 2.8, lb_fwrr.c; see sim.picks.RoundRobin, whose three trees are heaps here."""

from __future__ import annotations

from sim.dataplane.compiled import compiled, inlined
from sim.dataplane.facts import MAX_WEIGHT, WEIGHT_RANGE, WEIGHT_SCALE
from sim.dataplane.limits import has_room
from sim.dataplane.memory import Root, groups, leaves, seats

ORDER_BITS = 35
_NOW_TREE = 1


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
    value = (key << ORDER_BITS) | g.order
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
def take_out(s: Root, group: int, seat: int) -> None:
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
def join(s: Root, group: int, seat: int) -> None:
    """Before the first pick a server starts with the others; later it joins half a round away or so."""
    server = seats(s)[seat]
    weight = server.eweight
    g = groups(s)[group]
    server.turn_weight = weight
    server.position = server.last = server.rest = 0
    server.tree = -1
    groups(s)[group].total += weight
    if not g.started:
        _put(s, group, g.init, MAX_WEIGHT - weight, seat)
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
        _put(s, group, g.next, MAX_WEIGHT - weight, seat)
    else:
        key = WEIGHT_RANGE * position + (MAX_WEIGHT + server.rest - weight) // WEIGHT_SCALE
        _put(s, group, _NOW_TREE, key, seat)


@compiled
def reweigh(s: Root, group: int, seat: int) -> None:
    """A server that has not had all its places in this cycle is due sooner or later than it was."""
    g = groups(s)[group]
    server = seats(s)[seat]
    weight = server.eweight
    g.total += weight - server.turn_weight
    server.turn_weight = weight
    waits_for_first = server.tree == g.init
    take_out(s, group, seat)
    if waits_for_first:
        _put(s, group, g.init, MAX_WEIGHT - weight, seat)
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
def following(s: Root, group: int, avoid: int) -> int:
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
            _put(s, group, g.init, MAX_WEIGHT - seats(s)[passed].turn_weight, passed)
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
    take_out(s, group, seat)
    g.position += 1

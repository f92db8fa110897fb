"""Slots, queues, time-outs and connection retries of the backends, on rows: the same as `sim.backend`."""

from __future__ import annotations

from sim.dataplane.compiled import compiled, inlined, merged
from sim.dataplane.events import limit, schedule
from sim.dataplane.facts import REFUSAL_S, TURN_AROUND_S, WEIGHT_SCALE
from sim.dataplane.figures import count_area
from sim.dataplane.limits import has_room, limit_of
from sim.dataplane.memory import Root, attempts, backends, groups, kinds, pending, pods, real, seats
from sim.dataplane.picks import joined, left, moved, pick, queue_moved, reweighted
from sim.dataplane.pods import accept, drop
from sim.dataplane.tables import (
    BACKEND_QUEUE,
    BACKENDS,
    CANCELS,
    CONNECT,
    HASH_RING,
    IN_SLOTS,
    NO_QUEUE,
    NO_SERVER,
    NOW_S,
    OPEN,
    PENDING_COUNT,
    PENDING_HEAD,
    QUEUE_LIMIT,
    QUEUE_TIMEOUT,
    QUEUED,
    RANDOM,
    REDISPATCH,
    REFUSED,
    SERIAL,
    SERVER_LIMIT,
    SERVER_QUEUE,
    STALE_GROUP,
    STALE_SEAT,
    WARM_UP,
)


@inlined
def tell(s: Root, row: int) -> None:
    """The client of an attempt is to go on with it, once what is happening now is over."""
    ring = pending(s)
    ring[(s[PENDING_HEAD] + s[PENDING_COUNT]) & (ring.size - 1)] = row
    s[PENDING_COUNT] += 1


@compiled
def end(s: Root, row: int, fate: int) -> None:
    """Give up whatever an attempt holds and tell its client; the first fate counts."""
    a = attempts(s)[row]
    if a.fate != OPEN:
        return
    a.fate = fate
    group = a.group
    if group >= 0:
        if a.queue != NO_QUEUE:
            _leave_queue(s, row)
        elif a.seat >= 0:
            _release(s, row)
        groups(s)[group].present -= 1  # who leaves still counts while the slot is given on
    if s[CANCELS] and a.pod >= 0:
        drop(s, row)
    tell(s, row)


@merged
def submit(s: Root, row: int, group: int) -> None:
    """A request arrives from the proxy's frontend."""
    g = groups(s)[group]
    a = attempts(s)[row]
    a.group = group
    g.present += 1
    a.retries_left = backends(s)[g.backend].retries
    _dispatch(s, row, -1)


@compiled
def _dispatch(s: Root, row: int, avoid: int) -> None:
    group = attempts(s)[row].group
    g = groups(s)[group]
    if g.usable == 0:
        end(s, row, NO_SERVER)
        return
    seat = pick(s, group, row, avoid)
    if seat < 0:
        _enqueue(s, row, seat)
    elif has_room(s, seat):
        _take(s, seat, row)
    else:
        maxqueue = backends(s)[g.backend].maxqueue
        if maxqueue > 0 and seats(s)[seat].queued >= maxqueue:
            end(s, row, QUEUE_TIMEOUT)
        else:
            _enqueue(s, row, seat)
            serve_waiting(s, seat)  # its limit may have risen meanwhile


@compiled
def _enqueue(s: Root, row: int, seat: int) -> None:
    """Wait in the backend's queue (`seat` -1) or in a server's."""
    server = seats(s)[seat]
    a = attempts(s)[row]
    group, now_s = a.group, real(s)[NOW_S]
    g = groups(s)[group]
    count_area(s, now_s)
    s[QUEUED] += 1
    tail = g.tail if seat < 0 else server.tail
    a.prev, a.next = tail, -1
    a.seat = seat
    a.queued_s = now_s
    if tail >= 0:
        attempts(s)[tail].next = row
    if seat < 0:
        a.queue = BACKEND_QUEUE
        g.tail = row
        if tail < 0:
            g.head = row
        g.queued += 1
    else:
        a.queue = SERVER_QUEUE
        server.tail = row
        if tail < 0:
            server.head = row
        server.queued += 1
        g.at_servers += 1
        queue_moved(s, seat)
    backend = g.backend
    time_s = now_s + backends(s)[backend].queue_timeout_s
    if time_s < a.deadline_s:
        serial = s[SERIAL]
        s[SERIAL] += 1
        a.queue_serial = serial
        limit(s, kinds(s).size + backend, time_s, QUEUE_LIMIT, row, serial)


@compiled
def _leave_queue(s: Root, row: int) -> None:
    a = attempts(s)[row]
    group = a.group
    g = groups(s)[group]
    count_area(s, real(s)[NOW_S])
    s[QUEUED] -= 1
    before, after = a.prev, a.next
    seat = a.seat
    server = seats(s)[seat]
    if before >= 0:
        attempts(s)[before].next = after
    if after >= 0:
        attempts(s)[after].prev = before
    if a.queue == BACKEND_QUEUE:
        if before < 0:
            g.head = after
        if after < 0:
            g.tail = before
        g.queued -= 1
    else:
        if before < 0:
            server.head = after
        if after < 0:
            server.tail = before
        server.queued -= 1
        g.at_servers -= 1
        queue_moved(s, seat)
    a.queue = NO_QUEUE
    a.queue_serial = -1
    a.seat = -1


@compiled
def _take(s: Root, seat: int, row: int) -> None:
    """Give an attempt a slot and connect."""
    server = seats(s)[seat]
    a = attempts(s)[row]
    now_s = real(s)[NOW_S]
    count_area(s, now_s)
    s[IN_SLOTS] += 1
    server.served += 1
    group = server.group
    g = groups(s)[group]
    if server.usable:
        g.served += 1
        moved(s, seat)
    pod, backend = server.pod, g.backend
    b = backends(s)[backend]
    p = pods(s)[pod]
    a.seat, a.last_pod = seat, pod
    if not p.reachable:
        schedule(s, now_s + b.connect_timeout_s, REFUSED, row, a.serial)
    elif not p.alive:
        schedule(s, now_s + REFUSAL_S, REFUSED, row, a.serial)
    else:
        accept(s, pod, row)
        time_s = now_s + b.server_timeout_s
        if time_s < a.deadline_s:
            lane = kinds(s).size + s[BACKENDS] + backend
            limit(s, lane, time_s, SERVER_LIMIT, row, a.serial)


@compiled
def _release(s: Root, row: int) -> None:
    a = attempts(s)[row]
    seat = a.seat
    server = seats(s)[seat]
    count_area(s, real(s)[NOW_S])
    s[IN_SLOTS] -= 1
    a.seat = -1
    server.served -= 1
    if server.usable:
        groups(s)[server.group].served -= 1
        moved(s, seat)
    serve_waiting(s, seat)


@compiled
def serve_waiting(s: Root, seat: int) -> None:
    """Fill a server's free slots with the older of its own queue's head and the backend's."""
    server = seats(s)[seat]
    group = server.group
    while True:
        most = limit_of(s, seat)
        if most and server.served >= most:
            return
        own = server.head
        shared = groups(s)[group].head if server.usable else -1
        if own < 0 and shared < 0:
            return
        row = shared
        if own >= 0 and (shared < 0 or attempts(s)[own].queued_s <= attempts(s)[shared].queued_s):
            row = own
        _leave_queue(s, row)
        _take(s, seat, row)


@merged
def refused(s: Root, row: int) -> None:
    """No connection: try again, elsewhere if there is another server, until the retries are used up."""
    a = attempts(s)[row]
    seat = a.seat
    if a.fate != OPEN or seat < 0:
        return
    if a.retries_left == 0:
        end(s, row, CONNECT)
        return
    a.retries_left -= 1
    group = a.group
    g = groups(s)[group]
    _release(s, row)
    if g.usable > 1:
        _dispatch(s, row, seat)
    else:
        wait_s = min(TURN_AROUND_S, backends(s)[g.backend].connect_timeout_s)
        a.refused_by = seat
        schedule(s, real(s)[NOW_S] + wait_s, REDISPATCH, row, a.serial)


@merged
def redispatch(s: Root, row: int) -> None:
    """The wait after a refusal is over."""
    a = attempts(s)[row]
    if a.fate == OPEN:
        _dispatch(s, row, a.refused_by)


@compiled
def bring_in(s: Root, seat: int) -> None:
    """A server comes into rotation and helps itself to the backend's queue."""
    server = seats(s)[seat]
    group = server.group
    server.usable = 1
    groups(s)[group].usable += 1
    if server.joined_s >= 0.0:  # NaN unless it starts slowly
        schedule(s, server.joined_s + 1, WARM_UP, seat, server.serial)
    joined(s, seat)
    serve_waiting(s, seat)


@compiled
def take_out(s: Root, seat: int) -> None:
    """No new requests for a server; what it serves it finishes, what waits for it goes elsewhere.

    When it was the last, nobody waits any longer.
    """
    server = seats(s)[seat]
    group = server.group
    left(s, seat)
    server.usable = 0
    groups(s)[group].usable -= 1
    while server.head >= 0:
        row = server.head
        _leave_queue(s, row)
        _dispatch(s, row, -1)
    while groups(s)[group].usable == 0 and groups(s)[group].head >= 0:
        end(s, groups(s)[group].head, NO_SERVER)


@compiled
def warm_up(s: Root, seat: int, serial: int) -> None:
    """Once a second a server that starts slowly gets more weight and more slots."""
    server = seats(s)[seat]
    if not server.usable or server.serial != serial or not server.joined_s >= 0.0:
        return
    group = server.group
    backend = groups(s)[group].backend
    b = backends(s)[backend]
    slow_s, joined_s = b.slowstart_s, server.joined_s
    elapsed_s = int(real(s)[NOW_S] - joined_s + 0.5)
    server.eweight = server.weight * min(WEIGHT_SCALE, (WEIGHT_SCALE * elapsed_s + slow_s) // slow_s)
    reweighted(s, seat)
    if elapsed_s < slow_s:
        schedule(s, joined_s + (elapsed_s + 1), WARM_UP, seat, serial)
    if b.algorithm in (RANDOM, HASH_RING):
        s[STALE_GROUP], s[STALE_SEAT] = group, seat  # the ring must be built anew before anybody picks
    else:
        serve_waiting(s, seat)

"""Slots, queues, time-outs and connection retries of the backends, on rows: the same as `sim.backend`."""

from __future__ import annotations

from sim.dataplane.compiled import compiled, inlined
from sim.dataplane.events import limit, schedule
from sim.dataplane.figures import count_area
from sim.dataplane.memory import Root, attempts, backends, groups, kinds, pending, pods, real, seats
from sim.dataplane.picks import has_room, joined, left, limit_of, moved, pick, queue_moved, reweighted
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

REFUSAL_S = 0.0002
TURN_AROUND_S = 1.0
_WEIGHT_SCALE = 16


@inlined
def tell(s: Root, row: int) -> None:
    """The client of an attempt is to go on with it, once what is happening now is over."""
    size = pending(s).size
    pending(s)[(s[PENDING_HEAD] + s[PENDING_COUNT]) % size] = row
    s[PENDING_COUNT] += 1


@compiled
def end(s: Root, row: int, fate: int) -> None:
    """Give up whatever an attempt holds and tell its client; the first fate counts."""
    if attempts(s)[row].fate != OPEN:
        return
    attempts(s)[row].fate = fate
    group = attempts(s)[row].group
    if group >= 0:
        groups(s)[group].present -= 1
        if attempts(s)[row].queue != NO_QUEUE:
            _leave_queue(s, row)
        elif attempts(s)[row].seat >= 0:
            _release(s, row)
    if s[CANCELS] and attempts(s)[row].pod >= 0:
        drop(s, row)
    tell(s, row)


@compiled
def submit(s: Root, row: int, group: int) -> None:
    """A request arrives from the proxy's frontend."""
    attempts(s)[row].group = group
    groups(s)[group].present += 1
    attempts(s)[row].retries_left = backends(s)[groups(s)[group].backend].retries
    _dispatch(s, row, -1)


@compiled
def _dispatch(s: Root, row: int, avoid: int) -> None:
    group = attempts(s)[row].group
    if groups(s)[group].usable == 0:
        end(s, row, NO_SERVER)
        return
    seat = pick(s, group, row, avoid)
    if seat < 0:
        _enqueue(s, row, seat)
    elif has_room(s, seat):
        _take(s, seat, row)
    else:
        maxqueue = backends(s)[groups(s)[group].backend].maxqueue
        if maxqueue > 0 and seats(s)[seat].queued >= maxqueue:
            end(s, row, QUEUE_TIMEOUT)
        else:
            _enqueue(s, row, seat)


@compiled
def _enqueue(s: Root, row: int, seat: int) -> None:
    """Wait in the backend's queue (`seat` -1) or in a server's."""
    group, now_s = attempts(s)[row].group, real(s)[NOW_S]
    count_area(s, now_s)
    s[QUEUED] += 1
    tail = groups(s)[group].tail if seat < 0 else seats(s)[seat].tail
    attempts(s)[row].prev, attempts(s)[row].next = tail, -1
    attempts(s)[row].seat = seat
    attempts(s)[row].queued_s = now_s
    if tail >= 0:
        attempts(s)[tail].next = row
    if seat < 0:
        attempts(s)[row].queue = BACKEND_QUEUE
        groups(s)[group].tail = row
        if tail < 0:
            groups(s)[group].head = row
        groups(s)[group].queued += 1
    else:
        attempts(s)[row].queue = SERVER_QUEUE
        seats(s)[seat].tail = row
        if tail < 0:
            seats(s)[seat].head = row
        seats(s)[seat].queued += 1
        groups(s)[group].at_servers += 1
        queue_moved(s, seat)
    backend = groups(s)[group].backend
    time_s = now_s + backends(s)[backend].queue_timeout_s
    if time_s < attempts(s)[row].deadline_s:
        serial = s[SERIAL]
        s[SERIAL] += 1
        attempts(s)[row].queue_serial = serial
        limit(s, kinds(s).size + backend, time_s, QUEUE_LIMIT, row, serial)


@compiled
def _leave_queue(s: Root, row: int) -> None:
    group = attempts(s)[row].group
    count_area(s, real(s)[NOW_S])
    s[QUEUED] -= 1
    before, after = attempts(s)[row].prev, attempts(s)[row].next
    seat = attempts(s)[row].seat
    if before >= 0:
        attempts(s)[before].next = after
    if after >= 0:
        attempts(s)[after].prev = before
    if attempts(s)[row].queue == BACKEND_QUEUE:
        if before < 0:
            groups(s)[group].head = after
        if after < 0:
            groups(s)[group].tail = before
        groups(s)[group].queued -= 1
    else:
        if before < 0:
            seats(s)[seat].head = after
        if after < 0:
            seats(s)[seat].tail = before
        seats(s)[seat].queued -= 1
        groups(s)[group].at_servers -= 1
        queue_moved(s, seat)
    attempts(s)[row].queue = NO_QUEUE
    attempts(s)[row].queue_serial = -1
    attempts(s)[row].seat = -1


@compiled
def _take(s: Root, seat: int, row: int) -> None:
    """Give an attempt a slot and connect."""
    now_s = real(s)[NOW_S]
    count_area(s, now_s)
    s[IN_SLOTS] += 1
    seats(s)[seat].served += 1
    group = seats(s)[seat].group
    if seats(s)[seat].usable:
        groups(s)[group].served += 1
        moved(s, seat)
    pod, backend = seats(s)[seat].pod, groups(s)[group].backend
    attempts(s)[row].seat, attempts(s)[row].last_pod = seat, pod
    if not pods(s)[pod].reachable:
        schedule(s, now_s + backends(s)[backend].connect_timeout_s, REFUSED, row, attempts(s)[row].serial)
    elif not pods(s)[pod].alive:
        schedule(s, now_s + REFUSAL_S, REFUSED, row, attempts(s)[row].serial)
    else:
        accept(s, pod, row)
        time_s = now_s + backends(s)[backend].server_timeout_s
        if time_s < attempts(s)[row].deadline_s:
            lane = kinds(s).size + s[BACKENDS] + backend
            limit(s, lane, time_s, SERVER_LIMIT, row, attempts(s)[row].serial)


@compiled
def _release(s: Root, row: int) -> None:
    seat = attempts(s)[row].seat
    count_area(s, real(s)[NOW_S])
    s[IN_SLOTS] -= 1
    attempts(s)[row].seat = -1
    seats(s)[seat].served -= 1
    if seats(s)[seat].usable:
        groups(s)[seats(s)[seat].group].served -= 1
        moved(s, seat)
    serve_waiting(s, seat)


@compiled
def serve_waiting(s: Root, seat: int) -> None:
    """Fill a server's free slots with the older of its own queue's head and the backend's."""
    group = seats(s)[seat].group
    while True:
        most = limit_of(s, seat)
        if most and seats(s)[seat].served >= most:
            return
        own = seats(s)[seat].head
        shared = groups(s)[group].head if seats(s)[seat].usable else -1
        if own < 0 and shared < 0:
            return
        row = shared
        if own >= 0 and (shared < 0 or attempts(s)[own].queued_s <= attempts(s)[shared].queued_s):
            row = own
        _leave_queue(s, row)
        _take(s, seat, row)


@compiled
def refused(s: Root, row: int) -> None:
    """No connection: try again, elsewhere if there is another server, until the retries are used up."""
    seat = attempts(s)[row].seat
    if attempts(s)[row].fate != OPEN or seat < 0:
        return
    if attempts(s)[row].retries_left == 0:
        end(s, row, CONNECT)
        return
    attempts(s)[row].retries_left -= 1
    group = attempts(s)[row].group
    _release(s, row)
    if groups(s)[group].usable > 1:
        _dispatch(s, row, seat)
    else:
        wait_s = min(TURN_AROUND_S, backends(s)[groups(s)[group].backend].connect_timeout_s)
        attempts(s)[row].refused_by = seat
        schedule(s, real(s)[NOW_S] + wait_s, REDISPATCH, row, attempts(s)[row].serial)


@compiled
def redispatch(s: Root, row: int) -> None:
    """The wait after a refusal is over."""
    if attempts(s)[row].fate == OPEN:
        _dispatch(s, row, attempts(s)[row].refused_by)


@compiled
def bring_in(s: Root, seat: int) -> None:
    """A server comes into rotation and helps itself to the backend's queue."""
    group = seats(s)[seat].group
    seats(s)[seat].usable = 1
    groups(s)[group].usable += 1
    if seats(s)[seat].joined_s >= 0.0:  # NaN unless it starts slowly
        schedule(s, seats(s)[seat].joined_s + 1, WARM_UP, seat, seats(s)[seat].serial)
    joined(s, seat)
    serve_waiting(s, seat)


@compiled
def take_out(s: Root, seat: int) -> None:
    """No new requests for a server; what it serves it finishes, what waits for it goes elsewhere."""
    group = seats(s)[seat].group
    left(s, seat)
    seats(s)[seat].usable = 0
    groups(s)[group].usable -= 1
    while seats(s)[seat].head >= 0:
        row = seats(s)[seat].head
        _leave_queue(s, row)
        _dispatch(s, row, -1)


@compiled
def warm_up(s: Root, seat: int, serial: int) -> None:
    """Once a second a server that starts slowly gets more weight and more slots."""
    if not seats(s)[seat].usable or seats(s)[seat].serial != serial or not seats(s)[seat].joined_s >= 0.0:
        return
    group = seats(s)[seat].group
    backend = groups(s)[group].backend
    slow_s, joined_s = backends(s)[backend].slowstart_s, seats(s)[seat].joined_s
    elapsed_s = int(real(s)[NOW_S] - joined_s + 0.5)
    seats(s)[seat].eweight = seats(s)[seat].weight * min(_WEIGHT_SCALE, (_WEIGHT_SCALE * elapsed_s + slow_s) // slow_s)
    reweighted(s, seat)
    if elapsed_s < slow_s:
        schedule(s, joined_s + (elapsed_s + 1), WARM_UP, seat, serial)
    if backends(s)[backend].algorithm in (RANDOM, HASH_RING):
        s[STALE_GROUP], s[STALE_SEAT] = group, seat  # the ring must be built anew before anybody picks
    else:
        serve_waiting(s, seat)

"""What is to come: a heap ordered by (time, order of scheduling), and lanes that keep time-outs out of it.

A time-out is nearly always stale when its time has come. Those of one length come in order, so they wait in a ring
(a lane) at no cost, and only what is still alive when its moment is near goes into the heap, with the place in the
order that it was given when it was scheduled.
"""

from __future__ import annotations

from sim.dataplane.compiled import compiled, inlined
from sim.dataplane.memory import Root, attempts, events, lanes, real, timers
from sim.dataplane.tables import EVENTS, FULL_LANE, LANE_DUE, NO_QUEUE, NOW_S, OPEN, ORDER, QUEUE_LIMIT

_WAYS = 4


@compiled
def push(s: Root, time_s: float, order: int, kind: int, row: int, serial: int) -> None:
    """Put an event into the heap. There must be room."""
    heap = events(s)
    i = s[EVENTS]
    s[EVENTS] = i + 1
    while i > 0:
        above = (i - 1) // _WAYS
        if heap[above].time_s < time_s or (heap[above].time_s == time_s and heap[above].order < order):
            break
        heap[i] = heap[above]
        i = above
    heap[i].time_s, heap[i].order = time_s, order
    heap[i].kind, heap[i].row, heap[i].serial = kind, row, serial


@compiled
def drop_first(s: Root) -> None:
    """Take the first event out of the heap."""
    heap = events(s)
    n = s[EVENTS] - 1
    s[EVENTS] = n
    if n == 0:
        return
    time_s, order = heap[n].time_s, heap[n].order
    i = 0
    while True:
        first = i * _WAYS + 1
        if first >= n:
            break
        best, best_s = first, heap[first].time_s
        for j in range(first + 1, min(first + _WAYS, n)):
            other_s = heap[j].time_s
            if other_s < best_s or (other_s == best_s and heap[j].order < heap[best].order):
                best, best_s = j, other_s
        if time_s < best_s or (time_s == best_s and order < heap[best].order):
            break
        heap[i] = heap[best]
        i = best
    heap[i] = heap[n]


@inlined
def schedule(s: Root, time_s: float, kind: int, row: int, serial: int) -> None:
    """An event at an exact moment, after all those scheduled before for the same."""
    order = s[ORDER]
    s[ORDER] = order + 1
    push(s, time_s, order, kind, row, serial)


@compiled
def limit(s: Root, lane: int, time_s: float, kind: int, row: int, serial: int) -> None:
    """A time-out at `time_s`, by way of a lane whose waits are never longer than until then.

    A full lane first forgets what is stale. If it is more than half full then, a larger one is asked for, and what
    finds no place meanwhile goes into the heap.
    """
    order = s[ORDER]
    s[ORDER] = order + 1
    ring = lanes(s)[lane]
    if ring.count == ring.room:
        _forget_stale(s, lane)
        if 2 * ring.count > ring.room:
            s[FULL_LANE] = lane
        if ring.count == ring.room:
            push(s, time_s, order, kind, row, serial)
            return
    timer = timers(s)[ring.at + ((ring.head + ring.count) & (ring.room - 1))]
    ring.count += 1
    timer.wake_s, timer.time_s, timer.order = min(time_s, real(s)[NOW_S] + ring.wait_s), time_s, order
    timer.serial, timer.row, timer.kind = serial, row, kind
    if not ring.armed:
        ring.armed = 1
        push(s, timer.wake_s, -1, LANE_DUE, lane, 0)


@inlined
def matters(s: Root, kind: int, row: int, serial: int) -> bool:
    """Whether a time-out still concerns somebody."""
    attempt = attempts(s)[row]
    if kind == QUEUE_LIMIT:
        return attempt.queue_serial == serial and attempt.queue != NO_QUEUE
    return attempt.serial == serial and attempt.fate == OPEN


@compiled
def _forget_stale(s: Root, lane: int) -> None:
    """Close the gaps that stale timers make."""
    ring = lanes(s)[lane]
    kept, table = 0, timers(s)
    for i in range(ring.count):
        timer = table[ring.at + ((ring.head + i) & (ring.room - 1))]
        if matters(s, timer.kind, timer.row, timer.serial):
            table[ring.at + ((ring.head + kept) & (ring.room - 1))] = timer
            kept += 1
    ring.count = kept


@compiled
def lane_due(s: Root, lane: int) -> None:
    """Forget stale timers, move those whose moment is near into the heap, and come back for the next."""
    ring, now_s = lanes(s)[lane], real(s)[NOW_S]
    ring.armed = 0
    while ring.count > 0:
        timer = timers(s)[ring.at + ring.head]
        alive = matters(s, timer.kind, timer.row, timer.serial)
        if alive and (timer.wake_s > now_s or s[EVENTS] + 2 > events(s).size):
            ring.armed = 1
            push(s, timer.wake_s, -1, LANE_DUE, lane, 0)
            return
        if alive:
            push(s, timer.time_s, timer.order, timer.kind, timer.row, timer.serial)
        ring.head = (ring.head + 1) & (ring.room - 1)
        ring.count -= 1

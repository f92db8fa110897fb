"""The kernel's loop, and what the control plane may do between two turns of it."""

from __future__ import annotations

from sim.dataplane import backend, clients
from sim.dataplane import pods as inside
from sim.dataplane.compiled import compiled, merged
from sim.dataplane.events import drop_first, lane_due, matters
from sim.dataplane.figures import count_area
from sim.dataplane.memory import Root, arrivals, attempts, events, pending, pods, real, records, root_at
from sim.dataplane.picks import set_leaf
from sim.dataplane.tables import (
    ARRIVAL_S,
    ARRIVALS,
    ARRIVE,
    CLIENT_LIMIT,
    CLIENT_TIMEOUT,
    CPU_DONE,
    EVENTS,
    FINISH_TOLD,
    FINISHED,
    FREE_COUNT,
    FULL_LANE,
    IDLE_POD,
    LANE_DUE,
    MARGIN,
    MORE_ARRIVALS,
    NEEDS_ARRIVALS,
    NEEDS_POINTS,
    NEEDS_ROOM,
    NEXT_ARRIVAL,
    NOW_S,
    OPEN_COUNT,
    PENDING_COUNT,
    PENDING_HEAD,
    POD_IDLE,
    QUEUE_LIMIT,
    QUEUE_TIMEOUT,
    REACHED,
    RECORD_COUNT,
    REDISPATCH,
    REFUSED,
    REST_DONE,
    SEND,
    SERVER_ERROR,
    STALE_GROUP,
    TRACING,
    WARM_UP,
    WORK_DONE,
)


@compiled
def advance(root: int, until_s: float) -> int:
    """Everything that happens before `until_s`, or until Python is needed; says which. `real[NOW_S]` is then the time.

    `root` is the address of the root, here and below.
    """
    s = root_at(root)
    while True:
        while s[PENDING_COUNT] > 0:
            if _is_crowded(s):
                return NEEDS_ROOM
            row = pending(s)[s[PENDING_HEAD]]
            s[PENDING_HEAD] = (s[PENDING_HEAD] + 1) & (pending(s).size - 1)
            s[PENDING_COUNT] -= 1
            clients.go_on(s, row)
        if s[STALE_GROUP] >= 0:
            return NEEDS_POINTS
        if s[IDLE_POD] >= 0:
            return POD_IDLE
        if _is_crowded(s):
            return NEEDS_ROOM
        event_s = events(s)[0].time_s if s[EVENTS] > 0 else 1e300
        arrival_s = 1e300
        if s[NEXT_ARRIVAL] < s[ARRIVALS]:
            arrival_s = max(arrivals(s)[s[NEXT_ARRIVAL]].intended_s, real(s)[ARRIVAL_S])
        elif s[MORE_ARRIVALS]:
            return NEEDS_ARRIVALS
        elif s[OPEN_COUNT] == 0 and not s[FINISH_TOLD]:
            s[FINISH_TOLD] = 1
            return FINISHED
        if arrival_s <= event_s:
            if arrival_s >= until_s:
                return REACHED
            real(s)[NOW_S] = real(s)[ARRIVAL_S] = arrival_s
            clients.arrival(s)
        else:
            if event_s >= until_s:
                return REACHED
            real(s)[NOW_S] = event_s
            kind, row, serial = events(s)[0].kind, events(s)[0].row, events(s)[0].serial
            drop_first(s)
            _happen(s, kind, row, serial)


@compiled
def _is_crowded(s: Root) -> bool:
    """Whether the next turn might not find room for what it makes."""
    margin = s[MARGIN]
    return bool(
        s[FREE_COUNT] < margin
        or s[EVENTS] + 4 * margin + 2 * (attempts(s).size - s[FREE_COUNT]) > events(s).size
        or s[FULL_LANE] >= 0
        or (s[TRACING] and s[RECORD_COUNT] >= records(s).size)
    )


@merged
def _happen(s: Root, kind: int, row: int, serial: int) -> None:
    """One event, unless it is stale."""
    if kind == WORK_DONE:
        if attempts(s)[row].serial == serial and inside.work_done(s, row):
            clients.own_part_done(s, row)
    elif kind == CPU_DONE:
        inside.cpu_done(s, row, serial)
    elif kind == REST_DONE:
        if attempts(s)[row].serial == serial and inside.rest_done(s, row):
            clients.own_part_done(s, row)
    elif kind == LANE_DUE:
        lane_due(s, row)
    elif kind == WARM_UP:
        backend.warm_up(s, row, serial)
    elif kind >= CLIENT_LIMIT:
        if matters(s, kind, row, serial):
            fate = SERVER_ERROR
            if kind == CLIENT_LIMIT:
                fate = CLIENT_TIMEOUT
            elif kind == QUEUE_LIMIT:
                fate = QUEUE_TIMEOUT
            backend.end(s, row, fate)
    elif attempts(s)[row].serial == serial:
        if kind == SEND:
            clients.send_again(s, row)
        elif kind == ARRIVE:
            clients.arrive(s, row)
        elif kind == REFUSED:
            backend.refused(s, row)
        elif kind == REDISPATCH:
            backend.redispatch(s, row)


@compiled
def start_users(root: int, now_s: float, users: int) -> None:
    """Every user begins to think."""
    s = root_at(root)
    real(s)[NOW_S] = now_s
    for user in range(users):
        clients.think(s, user, 0)


@compiled
def bring_in(root: int, now_s: float, seat: int) -> None:
    """A server comes into rotation; its place among the points of a map or ring is there already."""
    s = root_at(root)
    real(s)[NOW_S] = now_s
    backend.bring_in(s, seat)


@compiled
def take_out(root: int, now_s: float, seat: int) -> None:
    """A server leaves rotation; it is no longer among the points."""
    s = root_at(root)
    real(s)[NOW_S] = now_s
    backend.take_out(s, seat)


@compiled
def refill(root: int, now_s: float, seat: int) -> None:
    """A server helps itself to what waits."""
    s = root_at(root)
    real(s)[NOW_S] = now_s
    backend.serve_waiting(s, seat)


@compiled
def kill(root: int, now_s: float, pod: int) -> None:
    """SIGKILL: everything in the pod breaks, in the order it came in."""
    s = root_at(root)
    real(s)[NOW_S] = now_s
    inside.stop(s, pod)
    while pods(s)[pod].jobs > 0:
        row = inside.break_first(s, pod)
        if pods(s)[pod].reachable:
            backend.end(s, row, SERVER_ERROR)
        inside.release_row(s, row)


@compiled
def close_area(root: int, now_s: float) -> None:
    """Count queues and slots up to the end."""
    s = root_at(root)
    count_area(s, now_s)


@compiled
def lay_leaf(root: int, at: int, size: int, slot: int, key: int, seat: int) -> None:
    """Put a server into a tournament tree that has just been made."""
    set_leaf(root_at(root), at, size, slot, key, seat)

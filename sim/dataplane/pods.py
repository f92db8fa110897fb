"""Pods at work, on rows: workers or a shared CPU, calls to others, the CPU meter. The same as `sim.pod`."""

from __future__ import annotations

from sim.dataplane.compiled import compiled, inlined
from sim.dataplane.events import schedule
from sim.dataplane.facts import SHORTEST_S
from sim.dataplane.memory import Root, attempts, kinds, pods, real
from sim.dataplane.tables import (
    CALLING,
    CPU_DONE,
    DISCIPLINE,
    FREE,
    FREE_COUNT,
    IDLE_POD,
    NOW_S,
    OUTSIDE,
    REST_DONE,
    RESTING,
    WAITING,
    WORK_DONE,
    WORKERS,
    WORKING,
)


@inlined
def release_row(s: Root, row: int) -> None:
    """One less holds this attempt; the row is free when nobody does."""
    a = attempts(s)[row]
    a.holds -= 1
    if a.holds == 0:
        a.serial = -1
        a.next = s[FREE]
        s[FREE] = row
        s[FREE_COUNT] += 1


@inlined
def burn(s: Root, pod: int, cores: float) -> None:
    """From now on burn this much more (or less)."""
    p = pods(s)[pod]
    now_s = real(s)[NOW_S]
    p.busy_s += p.busy_cores * (now_s - p.metered_s)
    p.metered_s = now_s
    p.busy_cores += cores


@inlined
def _factor(s: Root, pod: int) -> float:
    p = pods(s)[pod]
    return p.slow * (p.cold if real(s)[NOW_S] < p.cold_until_s else 1.0)


@compiled
def accept(s: Root, pod: int, row: int) -> None:
    """Take a request in; the pod is alive and in reach."""
    p = pods(s)[pod]
    a = attempts(s)[row]
    p.accepted += 1
    p.jobs += 1
    last = p.last_job
    a.prev_job, a.next_job = last, -1
    p.last_job = row
    if last >= 0:
        attempts(s)[last].next_job = row
    else:
        p.first_job = row
    a.pod = pod
    a.holds += 1
    if s[DISCIPLINE] != WORKERS:
        _start_burning(s, pod, row)
    elif p.free > 0:
        p.free -= 1
        _serve(s, pod, row)
    else:
        last = p.last_waiting
        a.inside = WAITING
        a.prev_waiting, a.next_waiting = last, -1
        p.last_waiting = row
        if last >= 0:
            attempts(s)[last].next_waiting = row
        else:
            p.first_waiting = row


@compiled
def _serve(s: Root, pod: int, row: int) -> None:
    service_s = max(attempts(s)[row].service_s, SHORTEST_S)
    cores = kinds(s)[attempts(s)[row].kind].cpu_s / service_s  # a slow pod burns as much a second, for longer
    attempts(s)[row].cores = cores
    attempts(s)[row].inside = WORKING
    burn(s, pod, cores)
    schedule(s, real(s)[NOW_S] + service_s * _factor(s, pod), WORK_DONE, row, attempts(s)[row].serial)


@compiled
def _unlink_waiting(s: Root, pod: int, row: int) -> None:
    p = pods(s)[pod]
    a = attempts(s)[row]
    before, after = a.prev_waiting, a.next_waiting
    if before >= 0:
        attempts(s)[before].next_waiting = after
    else:
        p.first_waiting = after
    if after >= 0:
        attempts(s)[after].prev_waiting = before
    else:
        p.last_waiting = before


@compiled
def _make_room(s: Root, pod: int) -> None:
    p = pods(s)[pod]
    if s[DISCIPLINE] != WORKERS:
        return
    row = p.first_waiting
    if row < 0:
        p.free += 1
    else:
        _unlink_waiting(s, pod, row)
        _serve(s, pod, row)


@compiled
def _unlink_job(s: Root, pod: int, row: int) -> None:
    p = pods(s)[pod]
    a = attempts(s)[row]
    before, after = a.prev_job, a.next_job
    if before >= 0:
        attempts(s)[before].next_job = after
    else:
        p.first_job = after
    if after >= 0:
        attempts(s)[after].prev_job = before
    else:
        p.last_job = before
    p.jobs -= 1
    a.pod = -1
    a.inside = OUTSIDE


@inlined
def tell_idle(s: Root, pod: int) -> None:
    """Let Python know when the last request has left a pod that it watches."""
    p = pods(s)[pod]
    if p.watched and p.jobs == 0:
        s[IDLE_POD] = pod


@compiled
def leave(s: Root, row: int) -> None:
    """A job goes out of its pod with its answer. The row's hold stays the caller's."""
    pod = attempts(s)[row].pod
    _make_room(s, pod)
    _unlink_job(s, pod, row)


@compiled
def work_done(s: Root, row: int) -> bool:
    """A worker has done its own part; False when the job is no longer there."""
    a = attempts(s)[row]
    if a.inside != WORKING:
        return False
    burn(s, a.pod, -a.cores)
    a.inside = CALLING
    return True


@compiled
def drop(s: Root, row: int) -> None:
    """Stop working on a job whose client has gone."""
    a = attempts(s)[row]
    pod, inside = a.pod, a.inside
    _unlink_job(s, pod, row)
    if s[DISCIPLINE] == WORKERS:
        if inside == WAITING:
            _unlink_waiting(s, pod, row)
        else:
            if inside == WORKING:
                burn(s, pod, -a.cores)
            _make_room(s, pod)
    elif inside == WORKING:
        _advance(s, pod)
        pods(s)[pod].burning -= 1
        _plan_next(s, pod)
    tell_idle(s, pod)
    release_row(s, row)


@compiled
def stop(s: Root, pod: int) -> None:
    """SIGKILL: it burns nothing and listens to nobody; its jobs are the caller's business."""
    p = pods(s)[pod]
    burn(s, pod, 0.0)
    p.busy_cores = 0.0
    p.alive = 0
    p.version += 1
    p.first_waiting = p.last_waiting = -1
    while p.root >= 0:
        _forget_first(s, pod)
    p.burning = 0


@compiled
def break_first(s: Root, pod: int) -> int:
    """Take the oldest job out of a killed pod; its hold stays the caller's."""
    row = pods(s)[pod].first_job
    _unlink_job(s, pod, row)
    tell_idle(s, pod)
    return int(row)


# Processor sharing. The heap of jobs in their CPU part is a pairing heap threaded through the attempts
# (`child`, `sibling`), ordered by the virtual time at which they are done, then by arrival.


@inlined
def _sooner(s: Root, a: int, b: int) -> bool:
    return attempts(s)[a].finish_v < attempts(s)[b].finish_v or (
        attempts(s)[a].finish_v == attempts(s)[b].finish_v and attempts(s)[a].order < attempts(s)[b].order
    )


@compiled
def _meld(s: Root, a: int, b: int) -> int:
    if a < 0:
        return b
    if b < 0:
        return a
    if _sooner(s, b, a):
        a, b = b, a
    attempts(s)[b].sibling = attempts(s)[a].child
    attempts(s)[a].child = b
    return a


@compiled
def _forget_first(s: Root, pod: int) -> None:
    """Take the root out: its children are melded in pairs, then from the last pair to the first."""
    p = pods(s)[pod]
    root = p.root
    rest, pairs = attempts(s)[root].child, -1
    while rest >= 0:
        one = rest
        other = attempts(s)[one].sibling
        rest = attempts(s)[other].sibling if other >= 0 else -1
        attempts(s)[one].sibling = -1
        if other >= 0:
            attempts(s)[other].sibling = -1
        melded = _meld(s, one, other)
        attempts(s)[melded].sibling = pairs
        pairs = melded
    new = -1
    while pairs >= 0:
        following = attempts(s)[pairs].sibling
        attempts(s)[pairs].sibling = -1
        new = _meld(s, pairs, new)
        pairs = following
    p.root = new
    release_row(s, root)


@inlined
def _rate(s: Root, pod: int) -> float:
    """Cores each burning request gets."""
    p = pods(s)[pod]
    return min(1.0, p.limit_cores / max(1, p.burning))


@inlined
def _advance(s: Root, pod: int) -> None:
    p = pods(s)[pod]
    p.virtual_s += _rate(s, pod) * (real(s)[NOW_S] - p.updated_s)
    p.updated_s = real(s)[NOW_S]


@compiled
def _start_burning(s: Root, pod: int, row: int) -> None:
    p = pods(s)[pod]
    a = attempts(s)[row]
    _advance(s, pod)
    factor = _factor(s, pod)
    p.order += 1
    a.order = p.order
    a.factor = factor
    a.finish_v = p.virtual_s + kinds(s)[a.kind].cpu_s * factor
    a.child = a.sibling = -1
    a.inside = WORKING
    a.holds += 1  # the heap's own
    p.root = _meld(s, p.root, row)
    p.burning += 1
    _plan_next(s, pod)


@compiled
def _plan_next(s: Root, pod: int) -> None:
    """Meter at the new rate, and come back when the next CPU part is done."""
    p = pods(s)[pod]
    p.version += 1
    burning = p.burning
    burn(s, pod, _rate(s, pod) * burning - p.busy_cores)
    while p.root >= 0 and attempts(s)[p.root].inside != WORKING:
        _forget_first(s, pod)  # dropped meanwhile
    if burning > 0:
        left_s = max(0.0, attempts(s)[p.root].finish_v - p.virtual_s) / _rate(s, pod)
        schedule(s, real(s)[NOW_S] + left_s, CPU_DONE, pod, p.version)


@compiled
def cpu_done(s: Root, pod: int, version: int) -> None:
    """The CPU part of the first is done, and of all that are even with it."""
    p = pods(s)[pod]
    if version != p.version or not p.alive:
        return
    _advance(s, pod)
    p.virtual_s = max(p.virtual_s, attempts(s)[p.root].finish_v)
    while p.root >= 0:
        row = p.root
        if attempts(s)[row].inside == WORKING:
            if attempts(s)[row].finish_v > p.virtual_s:
                break
            attempts(s)[row].inside = RESTING
            p.burning -= 1
            wait_s = (
                max(0.0, attempts(s)[row].service_s - kinds(s)[attempts(s)[row].kind].cpu_s) * attempts(s)[row].factor
            )
            schedule(s, real(s)[NOW_S] + wait_s, REST_DONE, row, attempts(s)[row].serial)
        _forget_first(s, pod)
    _plan_next(s, pod)


@compiled
def rest_done(s: Root, row: int) -> bool:
    """The waiting part is over; False when the job is no longer there."""
    a = attempts(s)[row]
    if a.inside != RESTING:
        return False
    a.inside = CALLING
    return True

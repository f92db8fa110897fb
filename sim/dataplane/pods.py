"""Pods at work, on rows: workers or a shared CPU, calls to others, the CPU meter. The same as `sim.pod`."""

from __future__ import annotations

from sim.dataplane.compiled import compiled, inlined
from sim.dataplane.events import schedule
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

_SHORTEST_S = 1e-6


@inlined
def release_row(s: Root, row: int) -> None:
    """One less holds this attempt; the row is free when nobody does."""
    attempts(s)[row].holds -= 1
    if attempts(s)[row].holds == 0:
        attempts(s)[row].serial = -1
        attempts(s)[row].next = s[FREE]
        s[FREE] = row
        s[FREE_COUNT] += 1


@inlined
def burn(s: Root, pod: int, cores: float) -> None:
    """From now on burn this much more (or less)."""
    now_s = real(s)[NOW_S]
    pods(s)[pod].busy_s += pods(s)[pod].busy_cores * (now_s - pods(s)[pod].metered_s)
    pods(s)[pod].metered_s = now_s
    pods(s)[pod].busy_cores += cores


@inlined
def _factor(s: Root, pod: int) -> float:
    return pods(s)[pod].slow * (pods(s)[pod].cold if real(s)[NOW_S] < pods(s)[pod].cold_until_s else 1.0)


@compiled
def accept(s: Root, pod: int, row: int) -> None:
    """Take a request in; the pod is alive and in reach."""
    pods(s)[pod].accepted += 1
    pods(s)[pod].jobs += 1
    last = pods(s)[pod].last_job
    attempts(s)[row].prev_job, attempts(s)[row].next_job = last, -1
    pods(s)[pod].last_job = row
    if last >= 0:
        attempts(s)[last].next_job = row
    else:
        pods(s)[pod].first_job = row
    attempts(s)[row].pod = pod
    attempts(s)[row].holds += 1
    if s[DISCIPLINE] != WORKERS:
        _start_burning(s, pod, row)
    elif pods(s)[pod].free > 0:
        pods(s)[pod].free -= 1
        _serve(s, pod, row)
    else:
        last = pods(s)[pod].last_waiting
        attempts(s)[row].inside = WAITING
        attempts(s)[row].prev_waiting, attempts(s)[row].next_waiting = last, -1
        pods(s)[pod].last_waiting = row
        if last >= 0:
            attempts(s)[last].next_waiting = row
        else:
            pods(s)[pod].first_waiting = row


@compiled
def _serve(s: Root, pod: int, row: int) -> None:
    service_s = max(attempts(s)[row].service_s, _SHORTEST_S)
    cores = kinds(s)[attempts(s)[row].kind].cpu_s / service_s  # a slow pod burns as much a second, for longer
    attempts(s)[row].cores = cores
    attempts(s)[row].inside = WORKING
    burn(s, pod, cores)
    schedule(s, real(s)[NOW_S] + service_s * _factor(s, pod), WORK_DONE, row, attempts(s)[row].serial)


@compiled
def _unlink_waiting(s: Root, pod: int, row: int) -> None:
    before, after = attempts(s)[row].prev_waiting, attempts(s)[row].next_waiting
    if before >= 0:
        attempts(s)[before].next_waiting = after
    else:
        pods(s)[pod].first_waiting = after
    if after >= 0:
        attempts(s)[after].prev_waiting = before
    else:
        pods(s)[pod].last_waiting = before


@compiled
def _make_room(s: Root, pod: int) -> None:
    if s[DISCIPLINE] != WORKERS:
        return
    row = pods(s)[pod].first_waiting
    if row < 0:
        pods(s)[pod].free += 1
    else:
        _unlink_waiting(s, pod, row)
        _serve(s, pod, row)


@compiled
def _unlink_job(s: Root, pod: int, row: int) -> None:
    before, after = attempts(s)[row].prev_job, attempts(s)[row].next_job
    if before >= 0:
        attempts(s)[before].next_job = after
    else:
        pods(s)[pod].first_job = after
    if after >= 0:
        attempts(s)[after].prev_job = before
    else:
        pods(s)[pod].last_job = before
    pods(s)[pod].jobs -= 1
    attempts(s)[row].pod = -1
    attempts(s)[row].inside = OUTSIDE


@inlined
def tell_idle(s: Root, pod: int) -> None:
    """Let Python know when the last request has left a pod that it watches."""
    if pods(s)[pod].watched and pods(s)[pod].jobs == 0:
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
    if attempts(s)[row].inside != WORKING:
        return False
    burn(s, attempts(s)[row].pod, -attempts(s)[row].cores)
    attempts(s)[row].inside = CALLING
    return True


@compiled
def drop(s: Root, row: int) -> None:
    """Stop working on a job whose client has gone."""
    pod, inside = attempts(s)[row].pod, attempts(s)[row].inside
    _unlink_job(s, pod, row)
    if s[DISCIPLINE] == WORKERS:
        if inside == WAITING:
            _unlink_waiting(s, pod, row)
        else:
            if inside == WORKING:
                burn(s, pod, -attempts(s)[row].cores)
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
    burn(s, pod, 0.0)
    pods(s)[pod].busy_cores = 0.0
    pods(s)[pod].alive = 0
    pods(s)[pod].version += 1
    pods(s)[pod].first_waiting = pods(s)[pod].last_waiting = -1
    while pods(s)[pod].root >= 0:
        _forget_first(s, pod)
    pods(s)[pod].burning = 0


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
    root = pods(s)[pod].root
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
    pods(s)[pod].root = new
    release_row(s, root)


@inlined
def _rate(s: Root, pod: int) -> float:
    """Cores each burning request gets."""
    return min(1.0, pods(s)[pod].limit_cores / max(1, pods(s)[pod].burning))


@inlined
def _advance(s: Root, pod: int) -> None:
    pods(s)[pod].virtual_s += _rate(s, pod) * (real(s)[NOW_S] - pods(s)[pod].updated_s)
    pods(s)[pod].updated_s = real(s)[NOW_S]


@compiled
def _start_burning(s: Root, pod: int, row: int) -> None:
    _advance(s, pod)
    factor = _factor(s, pod)
    pods(s)[pod].order += 1
    attempts(s)[row].order = pods(s)[pod].order
    attempts(s)[row].factor = factor
    attempts(s)[row].finish_v = pods(s)[pod].virtual_s + kinds(s)[attempts(s)[row].kind].cpu_s * factor
    attempts(s)[row].child = attempts(s)[row].sibling = -1
    attempts(s)[row].inside = WORKING
    attempts(s)[row].holds += 1  # the heap's own
    pods(s)[pod].root = _meld(s, pods(s)[pod].root, row)
    pods(s)[pod].burning += 1
    _plan_next(s, pod)


@compiled
def _plan_next(s: Root, pod: int) -> None:
    """Meter at the new rate, and come back when the next CPU part is done."""
    pods(s)[pod].version += 1
    burning = pods(s)[pod].burning
    burn(s, pod, _rate(s, pod) * burning - pods(s)[pod].busy_cores)
    while pods(s)[pod].root >= 0 and attempts(s)[pods(s)[pod].root].inside != WORKING:
        _forget_first(s, pod)  # dropped meanwhile
    if burning > 0:
        left_s = max(0.0, attempts(s)[pods(s)[pod].root].finish_v - pods(s)[pod].virtual_s) / _rate(s, pod)
        schedule(s, real(s)[NOW_S] + left_s, CPU_DONE, pod, pods(s)[pod].version)


@compiled
def cpu_done(s: Root, pod: int, version: int) -> None:
    """The CPU part of the first is done, and of all that are even with it."""
    if version != pods(s)[pod].version or not pods(s)[pod].alive:
        return
    _advance(s, pod)
    pods(s)[pod].virtual_s = max(pods(s)[pod].virtual_s, attempts(s)[pods(s)[pod].root].finish_v)
    while pods(s)[pod].root >= 0:
        row = pods(s)[pod].root
        if attempts(s)[row].inside == WORKING:
            if attempts(s)[row].finish_v > pods(s)[pod].virtual_s:
                break
            attempts(s)[row].inside = RESTING
            pods(s)[pod].burning -= 1
            wait_s = (
                max(0.0, attempts(s)[row].service_s - kinds(s)[attempts(s)[row].kind].cpu_s) * attempts(s)[row].factor
            )
            schedule(s, real(s)[NOW_S] + wait_s, REST_DONE, row, attempts(s)[row].serial)
        _forget_first(s, pod)
    _plan_next(s, pod)


@compiled
def rest_done(s: Root, row: int) -> bool:
    """The waiting part is over; False when the job is no longer there."""
    if attempts(s)[row].inside != RESTING:
        return False
    attempts(s)[row].inside = CALLING
    return True

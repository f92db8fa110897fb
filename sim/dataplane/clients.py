"""Clients, users and calling pods, on rows: who sends what when, gives up, and tries again. The same as `sim.clients`."""

from __future__ import annotations

from sim.dataplane.backend import end, submit
from sim.dataplane.compiled import compiled, inlined, merged
from sim.dataplane.draws import CONSTANT, child, part_key, quantile, uniform
from sim.dataplane.events import limit, schedule
from sim.dataplane.facts import FIRST_POD_ADDRESS, USERS
from sim.dataplane.figures import record
from sim.dataplane.memory import (
    Root,
    arrivals,
    attempts,
    backends,
    counters,
    denied,
    keys,
    kinds,
    lists,
    phases,
    pods,
    real,
    running,
    samples,
)
from sim.dataplane.pods import leave, release_row, tell_idle
from sim.dataplane.rings import avalanche
from sim.dataplane.tables import (
    ADDRESSES_AT,
    ARRIVE,
    ARRIVED,
    BACKENDS,
    BACKOFF_KEY,
    CALLING,
    CLIENT_LIMIT,
    CLIENTS,
    CONNECT_S,
    DENIED,
    DURATION_S,
    FREE,
    FREE_COUNT,
    KEEP_ALIVE,
    KEY_DIGITS,
    MIX,
    NEXT_ARRIVAL,
    NO_KEY,
    NO_QUEUE,
    NO_SERVER,
    NOW_S,
    OK,
    OPEN,
    OPEN_COUNT,
    OUTSIDE,
    OUTSIDE_A,
    OUTSIDE_AT,
    OUTSIDE_FAMILY,
    OUTSIDE_KEY,
    OUTSIDE_SIZE,
    PHASE_NOW,
    PROGRAM_END,
    PROGRAMS_AT,
    PROXIES,
    PROXY_KEY,
    RATE_LIMITED,
    SEND,
    SERIAL,
    SERVER_ERROR,
    SERVICE_KEY,
    SOURCE_KEY,
    THINK_A,
    THINK_B,
    THINK_FAMILY,
    USERS_KEY,
)

_MASK = 0xFFFFFFFF


@compiled
def new_attempt(s: Root) -> int:
    """A row for an attempt of an open request, held by its client. There must be one free."""
    row = s[FREE]
    s[FREE] = attempts(s)[row].next
    s[FREE_COUNT] -= 1
    a = attempts(s)[row]
    a.serial = s[SERIAL]
    s[SERIAL] += 1
    a.fate, a.holds, a.number = OPEN, 1, 0
    a.group = a.backend = a.pod = a.last_pod = -1
    a.seat = a.parent = a.user = a.queue_serial = -1
    a.queue, a.inside, a.calls_open, a.call, a.calls_failed = NO_QUEUE, OUTSIDE, 0, 0, 0
    return int(row)


@merged
def arrival(s: Root) -> None:
    """The next request of the schedule is sent."""
    i = s[NEXT_ARRIVAL]
    s[NEXT_ARRIVAL] = i + 1
    row = new_attempt(s)
    a, due = attempts(s)[row], arrivals(s)[i]
    a.who = s[ARRIVED]
    s[ARRIVED] += 1
    a.kind, a.key, a.client, a.intended_s = due.kind, due.key, due.client, due.intended_s
    _address(s, row)
    send(s, row)


@compiled
def _address(s: Root, row: int) -> None:
    """Phase, backend and hash of a request: what all of its attempts have in common."""
    a = attempts(s)[row]
    while s[PHASE_NOW] < phases(s).size and phases(s)[s[PHASE_NOW]].end_s <= a.intended_s:
        s[PHASE_NOW] += 1
    a.phase = s[PHASE_NOW]
    by_key_at = kinds(s)[a.kind].by_key_at
    a.backend = kinds(s)[a.kind].backend if by_key_at < 0 else lists(s)[by_key_at + a.key]
    a.hash = -1
    if a.backend >= 0:
        program = lists(s)[s[PROGRAMS_AT] + a.kind * s[BACKENDS] + a.backend]
        if lists(s)[program] != NO_KEY:
            a.hash = _hash(s, row, program)


@compiled
def _hash(s: Root, row: int, at: int) -> int:
    a = attempts(s)[row]
    if lists(s)[at] == SOURCE_KEY:
        if a.parent >= 0:
            value = FIRST_POD_ADDRESS + attempts(s)[a.parent].last_pod
        else:
            value = lists(s)[s[ADDRESSES_AT] + a.client]
    else:
        value = 0
        at += 1
        while lists(s)[at] != PROGRAM_END:
            byte = lists(s)[at]
            if byte == KEY_DIGITS:
                power = 1
                while power * 10 <= a.key:
                    power *= 10
                while power > 0:
                    digit = 48 + a.key // power % 10
                    value = (digit + (value << 6) + (value << 16) - value) & _MASK
                    power //= 10
            else:
                value = (byte + (value << 6) + (value << 16) - value) & _MASK
            at += 1
    return avalanche(value) if backends(s)[a.backend].avalanche else value


@compiled
def send(s: Root, row: int) -> None:
    """One attempt. Its client gives up so early that nothing outside of the slot makes the answer late."""
    a, now_s = attempts(s)[row], real(s)[NOW_S]
    k = kinds(s)[a.kind]
    if k.is_call:
        a.outside_s = 0.0
    else:
        a.outside_s = real(s)[OUTSIDE_A]
        if s[OUTSIDE_FAMILY] != CONSTANT:
            u = uniform(part_key(keys(s)[OUTSIDE_KEY], a.number), a.who)
            sample = samples(s)[s[OUTSIDE_AT] : s[OUTSIDE_AT] + s[OUTSIDE_SIZE]]
            a.outside_s = quantile(s[OUTSIDE_FAMILY], a.outside_s, 0.0, sample, u)
    u = uniform(part_key(keys(s)[SERVICE_KEY], a.number), a.who)
    sample = samples(s)[k.sample_at : k.sample_at + k.sample_size]
    a.service_s = max(quantile(k.family, k.a, k.b, sample, u), k.cpu_s)
    a.deadline_s = now_s + max(0.0, k.timeout_s - a.outside_s)
    if real(s)[CONNECT_S] > 0.0 and not k.is_call:
        schedule(s, now_s + real(s)[CONNECT_S], ARRIVE, row, a.serial)
    else:
        arrive(s, row)
    if attempts(s)[row].fate == OPEN:
        limit(s, a.kind, a.deadline_s, CLIENT_LIMIT, row, a.serial)


@compiled
def _proxy_of(s: Root, row: int) -> int:
    proxies = s[PROXIES]
    if proxies == 1:
        return 0
    a = attempts(s)[row]
    if s[KEEP_ALIVE] and a.parent < 0:
        return int(uniform(part_key(keys(s)[PROXY_KEY], 0), a.client) * proxies)
    return int(uniform(part_key(keys(s)[PROXY_KEY], a.number + 1), a.who) * proxies)


@compiled
def arrive(s: Root, row: int) -> None:
    """A request reaches a frontend."""
    a = attempts(s)[row]
    if a.fate != OPEN:
        return
    if a.backend < 0:
        end(s, row, NO_SERVER)
        return
    b = backends(s)[a.backend]
    b.arrived += 1
    proxy = _proxy_of(s, row)
    if a.parent < 0:
        if b.denier >= 0 and denied(s)[b.denier * s[CLIENTS] + a.client]:
            end(s, row, DENIED)
            return
        if b.limiter >= 0 and _is_limited(s, row, proxy):
            end(s, row, RATE_LIMITED)
            return
    submit(s, row, running(s)[proxy * s[BACKENDS] + a.backend])


@compiled
def _is_limited(s: Root, row: int, proxy: int) -> bool:
    """Count a request of its client; whether it is one too many. See sim.ratelimit."""
    a = attempts(s)[row]
    b = backends(s)[a.backend]
    c = counters(s)[(b.limiter * s[PROXIES] + proxy) * s[CLIENTS] + a.client]
    now, period = int(real(s)[NOW_S] * 1000), b.period_ms
    if c.start < 0:
        c.start, c.current, c.last = now, 0, 0
    elapsed = now - c.start
    if elapsed >= 2 * period:
        c.start, c.current, c.last = now, 0, 0
    elif elapsed >= period:
        c.start, c.current, c.last = c.start + period, 0, c.current
    c.current += 1
    return bool((c.current * period + c.last * (c.start + period - now)) // period > b.limit)


@inlined
def _repeats(s: Root, row: int) -> bool:
    a = attempts(s)[row]
    if a.backend < 0 or a.fate in (OK, DENIED):
        return False
    return a.fate != RATE_LIMITED or backends(s)[a.backend].repeats_limited != 0


@merged
def go_on(s: Root, row: int) -> None:
    """The client of an ended attempt tries again, or is done with the request."""
    a = attempts(s)[row]
    k = kinds(s)[a.kind]
    gone = a.parent >= 0 and attempts(s)[a.parent].pod < 0
    if a.number == k.retries or gone or not _repeats(s, row):
        _over(s, row)
    else:
        new = new_attempt(s)
        b = attempts(s)[new]
        b.who, b.kind, b.key, b.client, b.intended_s = a.who, a.kind, a.key, a.client, a.intended_s
        b.phase, b.backend, b.hash = a.phase, a.backend, a.hash
        b.parent, b.user, b.turn, b.number = a.parent, a.user, a.turn, a.number + 1
        factor = 0.5 + uniform(part_key(keys(s)[BACKOFF_KEY], a.number), a.who)
        backoff_s = k.backoff_s * 2**a.number * factor
        schedule(s, real(s)[NOW_S] + (a.outside_s + backoff_s), SEND, new, b.serial)
    release_row(s, row)


@merged
def _over(s: Root, row: int) -> None:
    a = attempts(s)[row]
    if a.parent >= 0:
        _called(s, a.parent, a.fate == OK)
        return
    record(s, row, real(s)[NOW_S] + a.outside_s)
    if a.user >= 0:
        think(s, a.user, a.turn + 1)
    else:
        s[OPEN_COUNT] -= 1


@compiled
def think(s: Root, user: int, turn: int) -> None:
    """A user thinks before sending the next request; the last thought is cut short by the end of the schedule."""
    who = child(USERS + user, turn, 0)
    sample = samples(s)[0:1]
    u = uniform(part_key(keys(s)[USERS_KEY], 0), who)
    send_s = real(s)[NOW_S] + quantile(s[THINK_FAMILY], real(s)[THINK_A], real(s)[THINK_B], sample, u)
    if send_s >= real(s)[DURATION_S]:
        s[OPEN_COUNT] -= 1
        return
    row = new_attempt(s)
    a = attempts(s)[row]
    a.who, a.user, a.turn, a.intended_s = who, user, turn, send_s
    a.client = int(uniform(part_key(keys(s)[USERS_KEY], 3), USERS + user) * s[CLIENTS])
    share = uniform(part_key(keys(s)[USERS_KEY], 1), who)
    kind = 0
    while kind < s[MIX] - 1 and kinds(s)[kind].up_to <= share:
        kind += 1
    a.kind = kind
    a.key = int(uniform(part_key(keys(s)[USERS_KEY], 2), who) * kinds(s)[kind].keys)
    a.phase = -1  # not known before it is sent
    schedule(s, send_s, SEND, row, a.serial)


@merged
def send_again(s: Root, row: int) -> None:
    """The wait before an attempt is over: a user has thought, or a client has backed off."""
    if attempts(s)[row].phase < 0:
        _address(s, row)
    send(s, row)


@compiled
def own_part_done(s: Root, row: int) -> None:
    """A pod has done its own part of a job: it calls others, or answers."""
    k = kinds(s)[attempts(s)[row].kind]
    if k.calls == 0:
        answer(s, row, OK)
        return
    attempts(s)[row].holds += 1  # its calls'
    at_once = k.calls if k.parallel else 1
    attempts(s)[row].calls_open = at_once
    for call in range(at_once):
        _call(s, row, call)


@compiled
def _call(s: Root, parent: int, call: int) -> None:
    p = attempts(s)[parent]
    row = new_attempt(s)
    a = attempts(s)[row]
    a.kind = lists(s)[kinds(s)[p.kind].calls_at + call]
    a.who = child(p.who, p.number, a.kind)
    a.key, a.client, a.parent, a.intended_s = p.key, p.client, parent, real(s)[NOW_S]
    _address(s, row)
    send(s, row)


@merged
def _called(s: Root, parent: int, fine: bool) -> None:
    """A call is over: the next, or the answer."""
    p = attempts(s)[parent]
    k = kinds(s)[p.kind]
    p.calls_failed += not fine
    p.call += 1
    if not k.parallel and fine and p.pod >= 0 and p.call < k.calls:
        _call(s, parent, p.call)
        return
    p.calls_open -= 1
    if p.calls_open > 0:
        return
    if p.pod >= 0 and p.inside == CALLING:
        answer(s, parent, SERVER_ERROR if p.calls_failed or p.call < k.calls else OK)
    release_row(s, parent)


@compiled
def answer(s: Root, row: int, fate: int) -> None:
    """A pod answers, and is rid of the job."""
    pod = attempts(s)[row].pod
    leave(s, row)
    if pods(s)[pod].reachable:
        end(s, row, fate)
    tell_idle(s, pod)
    release_row(s, row)

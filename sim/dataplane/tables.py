"""The kernel's tables: what each column means. Indices are rows, -1 is none; times are seconds."""

from __future__ import annotations

import numpy as np

# Fates are indices into scenarios.figures.FATES; OPEN is an attempt without one.
OPEN, OK = -1, 0
QUEUE_TIMEOUT, RATE_LIMITED, DENIED, NO_SERVER, CONNECT, SERVER_ERROR, CLIENT_TIMEOUT = range(1, 8)
FATE_COUNT = 9

ROUNDROBIN, STATIC_RR, LEASTCONN, FIRST, RANDOM, HASH_MAP, HASH_RING = range(7)
# What is hashed, at the start of a hash program.
NO_KEY, TEXT_KEY, SOURCE_KEY = range(3)
KEY_DIGITS, PROGRAM_END = 256, -1  # in a hash program, among the bytes of the text

WORKERS, SHARED_CPU = range(2)

# Where an attempt is in its pod.
OUTSIDE, WAITING, WORKING, RESTING, CALLING = range(5)
# Which queue of the proxy it waits in.
NO_QUEUE, BACKEND_QUEUE, SERVER_QUEUE = range(3)
# What is to come.
WORK_DONE, CPU_DONE, REST_DONE, SEND, ARRIVE, REFUSED, REDISPATCH, WARM_UP, LANE_DUE = range(9)
CLIENT_LIMIT, QUEUE_LIMIT, SERVER_LIMIT = range(9, 12)
# Why `advance` came back.
REACHED, NEEDS_ARRIVALS, NEEDS_ROOM, NEEDS_POINTS, POD_IDLE, FINISHED = range(6)

# Single whole numbers of the root, behind the addresses and sizes of the tables.
FIRST_WHOLE = 52
(
    EVENTS, ORDER, SERIAL, FREE, FREE_COUNT, PENDING_HEAD, PENDING_COUNT, NEXT_ARRIVAL, ARRIVALS, MORE_ARRIVALS, OPEN_COUNT,
    IDLE_POD, STALE_GROUP, STALE_SEAT, FULL_LANE, FINISH_TOLD, PROXIES, BACKENDS, CLIENTS, CANCELS, DISCIPLINE,
    KEEP_ALIVE, MIX, QUEUED, IN_SLOTS, PHASE_NOW, BUCKET_NOW, RECORD_COUNT, TRACING, ADDRESSES_AT, PROGRAMS_AT, MARGIN,
    OUTSIDE_FAMILY, OUTSIDE_AT, OUTSIDE_SIZE, THINK_FAMILY, ARRIVED, WHOLES,
) = range(FIRST_WHOLE, FIRST_WHOLE + 38)  # fmt: skip
# Single real numbers.
(
    NOW_S, ARRIVAL_S, AREA_S, BUCKET_S, DURATION_S, SURGE_END_S, SLO_P99_S, CONNECT_S, OUTSIDE_A, THINK_A, THINK_B, REALS,
) = range(12)  # fmt: skip
# Keys of the causes.
SERVICE_KEY, OUTSIDE_KEY, PICKS_KEY, BACKOFF_KEY, PROXY_KEY, USERS_KEY, KEYS = range(7)

EVENT = np.dtype([("time_s", "f8"), ("order", "i8"), ("kind", "i8"), ("row", "i8"), ("serial", "i8")])
"""The heap of things to come, ordered by (time_s, order). `serial` must still be the row's, or the event is stale."""

ARRIVAL = np.dtype([("intended_s", "f8"), ("key", "i8"), ("kind", "i8"), ("client", "i8")])
"""The schedule, a block at a time."""

KIND = np.dtype(
    [
        ("timeout_s", "f8"), ("backoff_s", "f8"), ("cpu_s", "f8"), ("a", "f8"), ("b", "f8"), ("up_to", "f8"),
        ("sample_at", "i8"), ("sample_size", "i8"), ("keys", "i8"), ("calls_at", "i8"), ("by_key_at", "i8"),
        ("family", "i8"), ("retries", "i8"), ("backend", "i8"), ("calls", "i8"), ("parallel", "i8"), ("is_call", "i8"),
    ]
)  # fmt: skip
"""Requests of the mix and calls. `backend` -1: nobody serves it; `by_key_at` >= 0: `lists` has the backend of each key.
`up_to`: cumulative share of the mix. `calls_at`: its calls' kinds in `lists`."""

BACKEND = np.dtype(
    [
        ("queue_timeout_s", "f8"), ("server_timeout_s", "f8"), ("connect_timeout_s", "f8"),
        ("maxqueue", "i8"), ("fullconn", "i8"), ("slowstart_s", "i8"), ("limit", "i8"), ("period_ms", "i8"), ("arrived", "i8"),
        ("algorithm", "i8"), ("draws", "i8"), ("balance_factor", "i8"), ("avalanche", "i8"), ("retries", "i8"),
        ("queue_means_full", "i8"), ("repeats_limited", "i8"), ("limiter", "i8"), ("denier", "i8"), ("scan", "i8"),
    ]
)  # fmt: skip
"""Settings of a backend, the same in every proxy; `arrived` counts requests. `limit`: rate limit, with `limiter` its
block of counters or -1. `scan`: limits change with every request, so that picks look at all servers."""

GROUP = np.dtype(
    [
        ("usable", "i8"), ("present", "i8"), ("served", "i8"), ("weight", "i8"), ("order", "i8"),
        ("head", "i8"), ("tail", "i8"), ("queued", "i8"), ("at_servers", "i8"),
        ("cycle", "i8"), ("total", "i8"), ("position", "i8"), ("sizes", "i8", (3,)),
        ("points_at", "i8"), ("points", "i8"), ("walk", "i8"), ("leaves_at", "i8"), ("leaves", "i8"),
        ("backend", "i8"), ("proxy", "i8"), ("started", "i8"), ("init", "i8"), ("next", "i8"),
    ]
)  # fmt: skip
"""A backend of one HAProxy process. `head`, `tail`: its queue of attempts. From `leaves_at` on, `leaves` (a power of
two) servers: a tournament tree of 2 x leaves, then three round-robin heaps of leaves each. `walk`: the last point used."""

SEAT = np.dtype(
    [
        ("slot", "i8"), ("weight", "i8"), ("eweight", "i8"), ("before", "i8"), ("maxconn", "i8"), ("minconn", "i8"),
        ("served", "i8"), ("head", "i8"), ("tail", "i8"), ("queued", "i8"), ("joined_s", "f8"), ("serial", "i8"),
        ("key", "i8"), ("order", "i8"), ("position", "i8"), ("last", "i8"), ("rest", "i8"), ("turn_weight", "i8"),
        ("group", "i8"), ("pod", "i8"), ("id", "i8"), ("usable", "i8"), ("tree", "i8"),
    ]
)  # fmt: skip
"""A server: one pod in one group. `joined_s` is NaN unless it starts slowly. `before`: weight of those added earlier."""

POD = np.dtype(
    [
        ("slow", "f8"), ("cold", "f8"), ("cold_until_s", "f8"), ("busy_cores", "f8"), ("busy_s", "f8"), ("metered_s", "f8"),
        ("limit_cores", "f8"), ("virtual_s", "f8"), ("updated_s", "f8"),
        ("free", "i8"), ("jobs", "i8"), ("accepted", "i8"), ("first_job", "i8"), ("last_job", "i8"),
        ("first_waiting", "i8"), ("last_waiting", "i8"), ("burning", "i8"), ("root", "i8"), ("order", "i8"), ("version", "i8"),
        ("alive", "i8"), ("reachable", "i8"), ("watched", "i8"),
    ]
)  # fmt: skip
"""A pod. `root`: pairing heap of attempts in their CPU part (shared-cpu); `version` tells stale plans."""

ATTEMPT = np.dtype(
    [
        ("serial", "i8"), ("who", "i8"), ("intended_s", "f8"), ("deadline_s", "f8"), ("outside_s", "f8"),
        ("service_s", "f8"), ("cores", "f8"), ("factor", "f8"), ("queued_s", "f8"), ("finish_v", "f8"),
        ("key", "i8"), ("hash", "i8"), ("order", "i8"), ("seat", "i8"), ("queue_serial", "i8"), ("turn", "i8"),
        ("prev", "i8"), ("next", "i8"), ("prev_job", "i8"), ("next_job", "i8"), ("prev_waiting", "i8"), ("next_waiting", "i8"),
        ("child", "i8"), ("sibling", "i8"), ("parent", "i8"), ("user", "i8"),
        ("kind", "i8"), ("number", "i8"), ("client", "i8"), ("group", "i8"), ("backend", "i8"), ("pod", "i8"),
        ("last_pod", "i8"), ("fate", "i8"), ("queue", "i8"), ("inside", "i8"), ("retries_left", "i8"), ("phase", "i8"),
        ("calls_open", "i8"), ("call", "i8"), ("calls_failed", "i8"), ("holds", "i8"), ("refused_by", "i8"),
    ]
)  # fmt: skip
"""One try of a request, as long as anybody `holds` it: its client, its pod, its calls. `hash` -1: no key to hash."""

LANE = np.dtype([("wait_s", "f8"), ("at", "i8"), ("room", "i8"), ("head", "i8"), ("count", "i8"), ("armed", "i8")])
"""A ring of timers of about the same length: they come in order, and most are stale when their time has come."""

TIMER = np.dtype([("wake_s", "f8"), ("time_s", "f8"), ("order", "i8"), ("serial", "i8"), ("row", "i8"), ("kind", "i8")])
"""A timer in a lane: looked at when `wake_s` has come, due at `time_s`."""

COUNTER = np.dtype([("start", "i8"), ("current", "i8"), ("last", "i8")])
"""A client's rate at one proxy and backend; milliseconds and requests. `start` -1: never seen."""

CELL = np.dtype([("key", "i8"), ("seat", "i8")])
"""A server under a key: a node of a tournament tree or heap, a point of a hash ring, a place in a map (no key)."""

RECORD = np.dtype(
    [
        ("who", "i8"),
        ("intended_s", "f8"),
        ("end_s", "f8"),
        ("kind", "i8"),
        ("fate", "i8"),
        ("attempts", "i8"),
        ("pod", "i8"),
    ]
)
"""One request of a client, when a trace is asked for."""

PHASE = np.dtype([("end_s", "f8"), ("sum_s", "f8"), ("max_s", "f8"), ("met", "i8"), ("counts", "i8", (FATE_COUNT,))])
"""Figures of a phase: successes' latencies, how many were within the objective, requests by fate."""

BUCKET = np.dtype([("offered", "i8"), ("good", "i8"), ("queued_s", "f8"), ("served_s", "f8")])
"""Figures of a bucket of time: requests, and request-seconds in queues and slots."""

SECOND = np.dtype([("offered", "i8"), ("good", "i8"), ("slow", "i8")])
"""A second after the surge: what recovery is made of."""

"""From an access log to arrivals: its own moments, thinned or multiplied by a seeded draw."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scenarios.access_log import AccessLog
from scenarios.rate import Floats, Rate
from scenarios.schema import Log

_MOST_PIECES = 600
# The copies of a request come within so long of it, in the log's own time.
_SPREAD_S = 1.0


def log_duration_s(log: Log, read: AccessLog) -> float:
    """How long the replay lasts: to the end of the second of the last request."""
    return (math.floor(float(read.time_s[-1])) + 1.0) / log.speed


def log_arrivals(log: Log, read: AccessLog, rng: np.random.Generator) -> tuple[Floats, NDArray[np.int32]]:
    """(m,) ascending seconds and (m,) kinds of request.

    With scale 1 and times finer than a second it is the log to the last bit, and nothing is drawn. Where all times are whole
    seconds each request is put somewhere in its second, uniformly.
    """
    copies = np.ones(len(read.time_s), dtype=np.int64)
    if log.scale != 1.0:
        copies = np.floor(log.scale + rng.random(len(copies))).astype(np.int64)
    which = np.repeat(np.arange(len(copies)), copies)
    times_s = read.time_s[which]
    if read.whole_seconds:
        times_s = times_s + rng.random(len(which))
    elif log.scale > 1.0:
        first = np.concatenate(([True], which[1:] != which[:-1])) if len(which) else np.empty(0, dtype=np.bool_)
        moved = times_s + rng.random(len(which)) * _SPREAD_S
        times_s = np.where(first, times_s, np.minimum(moved, math.floor(float(read.time_s[-1])) + 1.0 - 1e-9))
    order = np.argsort(times_s, kind="stable")
    return times_s[order] / log.speed, read.request[which][order]


def log_rate(log: Log, read: AccessLog) -> Rate:
    """The rate that the log had, in pieces of whole seconds; for what is said of it, not for its arrivals."""
    duration_s = math.floor(float(read.time_s[-1])) + 1.0
    width_s = max(1.0, math.ceil(duration_s / _MOST_PIECES))
    edges = np.minimum(np.arange(math.ceil(duration_s / width_s) + 1) * width_s, duration_s)
    counts = np.histogram(read.time_s, edges)[0] * log.scale
    rps = counts / np.diff(edges) * log.speed
    return Rate(edges / log.speed, rps, rps)

"""What a replication adds up as it goes: counts, histograms, and request-seconds, so that memory stays flat.

Latencies go into log-linear histograms: `fine` has 1024 cells per doubling (0.1 %) per phase, `coarse` 64 (1.6 %) per
bucket of time. A cell is found from the bits of the number itself: its exponent and the first bits of its mantissa.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.dataplane.compiled import compiled, inlined
from sim.dataplane.memory import Root, attempts, buckets, coarse, fine, phases, real, records, seconds
from sim.dataplane.tables import (
    AREA_S,
    BUCKET_NOW,
    BUCKET_S,
    IN_SLOTS,
    OK,
    QUEUED,
    RECORD_COUNT,
    SLO_P99_S,
    SURGE_END_S,
    TRACING,
)

FINE_BITS, COARSE_BITS = 10, 6
_LOWEST, _HIGHEST = -20, 15  # powers of two, in seconds: 1 microsecond to 9 hours
FINE_CELLS = (_HIGHEST - _LOWEST) << FINE_BITS
COARSE_CELLS = (_HIGHEST - _LOWEST) << COARSE_BITS


@inlined
def cell(value_s: float, bits: int) -> int:
    """The histogram's cell of a latency; what is below or above the range goes into the first or last."""
    raw: Any = np.float64(value_s).view(np.int64)
    index = (raw >> np.int64(52 - bits)) - (np.int64(1023 + _LOWEST) << np.int64(bits))
    return min(max(index, 0), ((_HIGHEST - _LOWEST) << bits) - 1)


def cell_middle_s(index: Any, bits: int) -> Any:
    """The middle of a cell, seconds: at most half a cell away from what fell into it."""
    size = 1 << bits
    return np.exp2(index // size + _LOWEST) * (1.0 + (index % size + 0.5) / size)


@inlined
def count_area(s: Root, now_s: float) -> None:
    """Add up request-seconds in queues and slots until now; to be called before either count changes."""
    if now_s > real(s)[AREA_S]:
        _count_area(s, now_s)


@compiled
def _count_area(s: Root, now_s: float) -> None:
    b, since_s, size_s = s[BUCKET_NOW], real(s)[AREA_S], real(s)[BUCKET_S]
    queued, in_slots = float(s[QUEUED]), float(s[IN_SLOTS])
    table = buckets(s)
    while b < table.size:
        until_s = min(now_s, (b + 1) * size_s)
        table[b].queued_s += queued * (until_s - since_s)
        table[b].served_s += in_slots * (until_s - since_s)
        since_s = until_s
        if until_s >= now_s:
            break
        b += 1
    s[BUCKET_NOW] = b
    real(s)[AREA_S] = now_s


@compiled
def record(s: Root, row: int, end_s: float) -> None:
    """A client knows what became of its request."""
    fate, intended_s = attempts(s)[row].fate, attempts(s)[row].intended_s
    latency_s = end_s - intended_s
    phase = attempts(s)[row].phase
    b = int(intended_s / real(s)[BUCKET_S])
    second = int(np.floor(intended_s - real(s)[SURGE_END_S])) if intended_s >= real(s)[SURGE_END_S] else -1
    if phase < phases(s).size:
        phases(s)[phase].counts[fate] += 1
    if b < buckets(s).size:
        buckets(s)[b].offered += 1
    if 0 <= second < seconds(s).size:
        seconds(s)[second].offered += 1
    if fate == OK:
        if phase < phases(s).size:
            phases(s)[phase].sum_s += latency_s
            phases(s)[phase].max_s = max(phases(s)[phase].max_s, latency_s)
            phases(s)[phase].met += latency_s <= real(s)[SLO_P99_S]
            fine(s)[phase * FINE_CELLS + cell(latency_s, FINE_BITS)] += 1
        if b < buckets(s).size:
            buckets(s)[b].good += 1
            coarse(s)[b * COARSE_CELLS + cell(latency_s, COARSE_BITS)] += 1
        if 0 <= second < seconds(s).size:
            seconds(s)[second].good += 1
            seconds(s)[second].slow += latency_s > real(s)[SLO_P99_S]
    if s[TRACING]:
        n = s[RECORD_COUNT]
        records(s)[n].who, records(s)[n].intended_s, records(s)[n].end_s = attempts(s)[row].who, intended_s, end_s
        records(s)[n].kind, records(s)[n].fate = attempts(s)[row].kind, fate
        records(s)[n].attempts, records(s)[n].pod = attempts(s)[row].number + 1, attempts(s)[row].last_pod
        s[RECORD_COUNT] = n + 1

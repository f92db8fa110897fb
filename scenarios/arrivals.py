"""Arrival times, a block at a time: a process of rate one, bent by the inverse of the expected count."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from scenarios.rate import Floats, Rate
from scenarios.schema import BurstyArrivals, Traffic


def arrival_blocks(
    traffic: Traffic, rate: Rate, points: np.random.Generator, sizes: np.random.Generator, size: int
) -> Iterator[Floats]:
    """Ascending arrival times in blocks of at most `size`, which moves none of them.

    `points` places requests or bursts, `sizes` says how large each burst is.
    """
    total = float(rate.expected()[-1])
    kind = traffic.arrivals
    if isinstance(kind, BurstyArrivals):
        bursts = _poisson(rate, total, kind.bursty.burst, points, max(1, int(size / kind.bursty.burst)))
        return _in_blocks(_repeated(bursts, kind.bursty.burst, sizes), size)
    return _even(rate, total, size) if kind == "even" else _poisson(rate, total, 1.0, points, size)


def _even(rate: Rate, total: float, size: int) -> Iterator[Floats]:
    n = max(0, math.ceil(total - 1e-9 * total - 0.5))
    latest = 0.0
    for first in range(0, n, size):
        times = rate.when(np.arange(first, min(first + size, n), dtype=np.float64) + 0.5)
        yield _not_before(times, latest)
        latest = float(times[-1])


def _poisson(rate: Rate, total: float, each: float, rng: np.random.Generator, size: int) -> Iterator[Floats]:
    """The points of a Poisson process, `each` requests expected between two of them."""
    until, reached, latest = total / each, 0.0, 0.0
    while reached < until:
        left = until - reached
        points = rng.standard_exponential(min(size, int(left + 6 * math.sqrt(left) + 20)))
        points[0] += reached
        np.cumsum(points, out=points)
        reached = float(points[-1])
        if reached >= until:
            points = points[: int(np.searchsorted(points, until, side="left"))]
        if len(points):
            points *= each
            times = rate.when(points)
            yield _not_before(times, latest)
            latest = float(times[-1])


def _not_before(times: Floats, latest: float) -> Floats:
    """Times that rounding cannot put before the last of the block before."""
    return np.maximum(times, latest, out=times)


def _repeated(bursts: Iterator[Floats], mean: float, rng: np.random.Generator) -> Iterator[Floats]:
    for times in bursts:
        yield np.repeat(times, rng.geometric(1.0 / mean, size=len(times)))


def _in_blocks(chunks: Iterator[Floats], size: int) -> Iterator[Floats]:
    """The same times, cut anew: a burst may straddle two blocks."""
    held = np.empty(0)
    for chunk in chunks:
        held = np.concatenate((held, chunk))
        while len(held) >= size:
            yield held[:size]
            held = held[size:]
    if len(held):
        yield held

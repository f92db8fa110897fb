"""When replications are enough: as soon as the median of every figure that matters is known as well as asked.

The interval of a median is spanned by two of the sorted values and holds for every distribution: how many of n values
lie below the median is the number of heads in n tosses. The intervals are looked at after fixed numbers of
replications, each time a little wider than a single look would need, so that all looks together keep 90 %.
Source: David and Nagaraja, Order Statistics (2003), section 7.1; looks of one level: Pocock, Biometrika 64 (1977).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist, median

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from scenarios.outcome import Figure, PhaseOutcome
from sim.tally import Future

CONFIDENCE = 0.90
FEWEST = 10
_GROWTH = 1.5  # more looks stop sooner, but each must be wider: from 1.3 to 1.6 it comes to the same


@dataclass(frozen=True)
class Width:
    """Half of a figure's interval: of a latency as a share of its median, of a ratio as it is."""

    figure: str
    half: float
    relative: bool

    def __str__(self) -> str:
        return f"{self.figure} ± {100 * self.half:.1f} {'%' if self.relative else 'points'}"


class Goal:
    """`enough` ends replications when each interval's half is at most `precision`; `widest` is the last look's."""

    def __init__(self, precision: float, most: int) -> None:
        if not 0 < precision < 1 or most < FEWEST:
            raise ValueError(f"{precision} within {most} replications: 0 to 1, within at least {FEWEST}")
        self.precision, self.most = precision, most
        self.widest: Width | None = None

    @property
    def reached(self) -> bool:
        """Whether the last look found all intervals narrow enough."""
        return self.widest is not None and self.widest.half <= self.precision

    def enough(self, futures: Sequence[Future]) -> bool:
        """Look, if it is time to."""
        sizes = looks(self.most)
        if len(futures) not in sizes:
            return False
        self.widest = max(widths(futures, risk_of_one(sizes)), key=lambda width: width.half)
        return self.reached


@lru_cache(maxsize=8)
def looks(most: int) -> tuple[int, ...]:
    """After how many replications the intervals are looked at: ever more, and `most` at last."""
    sizes = [FEWEST]
    while sizes[-1] < most:
        sizes.append(min(most, math.ceil(sizes[-1] * _GROWTH)))
    return tuple(sizes)


@lru_cache(maxsize=8)
def risk_of_one(sizes: tuple[int, ...]) -> float:
    """The risk to take at each look, so that all intervals hold their median together with `CONFIDENCE`."""
    low, high = 0.0, 1 - CONFIDENCE
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if all_hold(sizes, middle) >= CONFIDENCE else (low, middle)
    return low


def all_hold(sizes: tuple[int, ...], risk: float) -> float:
    """Probability that the median lies in the intervals of all looks, exactly: a walk that keeps between two walls."""
    below, last = np.ones(1), 0  # probability of each number of values below the median, no wall met so far
    for n in sizes:
        below, last = np.convolve(below, _tosses(n - last)), n
        rank = _rank(n, risk)
        below[:rank] = below[n - rank + 1 :] = 0.0
    return float(below.sum())


def median_interval(ascending: Sequence[float], risk: float) -> tuple[float, float]:
    """Holds the median with probability 1 - risk at least; without bounds when there are too few values."""
    rank = _rank(len(ascending), risk)
    return (ascending[rank - 1], ascending[-rank]) if rank else (-math.inf, math.inf)


def share_interval(successes: int, n: int, risk: float) -> tuple[float, float]:
    """Of a probability. Source: Wilson, J. Amer. Stat. Assoc. 22 (1927)."""
    z = NormalDist().inv_cdf(1 - risk / 2)
    share, of_z = successes / n, z * z / n
    half = z * math.sqrt(share * (1 - share) / n + of_z / (4 * n))
    return (share + of_z / 2 - half) / (1 + of_z), (share + of_z / 2 + half) / (1 + of_z)


def widths(futures: Sequence[Future], risk: float) -> Iterator[Width]:
    """Of the p99 and success of the total and of every surge phase, where most futures have them, and of `slo.met`."""
    parts = [("total", [future.total for future in futures])]
    for row, phase in enumerate(futures[0].phases):
        if phase.surge:
            parts.append((phase.name, [future.phases[row] for future in futures]))
    for name, phases in parts:
        for label, figure, relative in _FIGURES:
            values = sorted(value for value in map(figure, phases) if isinstance(value, float))
            if 2 * len(values) >= len(futures):
                low, high = median_interval(values, risk)
                scale = median(values) if relative else 1.0
                yield Width(f"{label} of {name}", (high - low) / 2 / scale if high > low else 0.0, relative)
    low, high = share_interval(sum(future.met for future in futures), len(futures), risk)
    yield Width("slo.met", (high - low) / 2, relative=False)


_FIGURES: tuple[tuple[str, Callable[[PhaseOutcome], Figure | None], bool], ...] = (
    ("p99", lambda phase: phase.latency_s.p99, True),
    ("success", lambda phase: phase.success_ratio, False),
)


def _tosses(n: int) -> NDArray[np.float64]:
    """Probabilities of 0 to n heads."""
    return np.diff(bdtr(np.arange(n + 1), n, 0.5), prepend=0.0)


def _rank(n: int, risk: float) -> int:
    """How far from either end the interval's bounds are, 1 being the extremes; 0: not enough values for any."""
    return int(np.searchsorted(bdtr(np.arange(n), n, 0.5), risk / 2, side="right"))

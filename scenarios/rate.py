"""The intended rate as a function of time, its exact integral, and the inverse of that integral."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Up to so many pieces it is quicker to take them one by one than to look up each request's piece.
_FEW_PIECES = 64


@dataclass(frozen=True)
class Rate:
    """A piecewise linear rate: piece i runs from edge_s[i] to edge_s[i + 1], from from_rps[i] to to_rps[i].

    edge_s (m + 1,), from_rps (m,), to_rps (m,); it may jump between pieces.
    """

    edge_s: Floats
    from_rps: Floats
    to_rps: Floats

    def expected(self) -> Floats:
        """(m + 1,) requests expected up to each edge: the exact integral."""
        return self._reached

    @cached_property
    def _reached(self) -> Floats:
        area = np.diff(self.edge_s) * (self.from_rps + self.to_rps) / 2
        return np.concatenate(([0.0], np.cumsum(area)))

    @cached_property
    def _slope(self) -> Floats:
        return (self.to_rps - self.from_rps) / np.diff(self.edge_s)

    @cached_property
    def _before_end(self) -> Floats:
        """The last moment of each piece: an edge belongs to the piece it opens."""
        return np.nextafter(self.edge_s[1:], 0.0)

    def count(self, time_s: Floats) -> Floats:
        """Requests expected before each time: the integral from the first edge."""
        piece = np.clip(np.searchsorted(self.edge_s, time_s, side="right") - 1, 0, len(self.from_rps) - 1)
        length = self.edge_s[piece + 1] - self.edge_s[piece]
        into = np.clip(time_s - self.edge_s[piece], 0.0, length)
        return self._reached[piece] + into * (self.from_rps[piece] + self._slope[piece] * into / 2)

    def peak(self, start_s: float, end_s: float) -> float:
        """The highest rate of any piece that touches the open interval between two edges."""
        inside = (self.edge_s[:-1] < end_s) & (self.edge_s[1:] > start_s)
        return float(max(self.from_rps[inside].max(), self.to_rps[inside].max()))

    def when(self, count: Floats) -> Floats:
        """The times at which the integral reaches `count` (ascending): exact inversion, piece by piece.

        Within a piece of slope b the integral is a t + b t^2 / 2; its root is written so that it holds for b = 0.
        A time depends on its own count alone, to the last bit, save that none is before the one before it.
        """
        if not len(count):
            return np.empty(0)
        first, last = self._piece(count[[0, -1]]).tolist()
        if last - first > _FEW_PIECES:
            return np.maximum.accumulate(self._when_in(self._piece(count), count))
        bounds = np.searchsorted(count, self._reached[first + 1 : last + 1], side="left").tolist()
        times = np.empty_like(count)
        for piece, start, end in zip(range(first, last + 1), [0, *bounds], [*bounds, len(count)], strict=True):
            if start < end:
                times[start:end] = self._when_in_one(piece, count[start:end])
        return times

    def _piece(self, count: Floats) -> NDArray[np.int64]:
        found = np.searchsorted(self._reached, count, side="right") - 1
        return np.clip(found, 0, len(self.from_rps) - 1)

    def _when_in(self, piece: NDArray[np.int64], count: Floats) -> Floats:
        """The times of counts that lie in these pieces."""
        start, a, b = self.edge_s[piece], self.from_rps[piece], self._slope[piece]
        rest = count - self._reached[piece]
        root = np.where(b == 0.0, a, np.sqrt(np.maximum(0.0, a * a + 2 * b * rest)))
        times = start + 2 * rest / np.maximum(a + root, 1e-300)
        return np.clip(times, start, self._before_end[piece])

    def _when_in_one(self, piece: int, count: Floats) -> Floats:
        """The same, bit for bit, where all lie in one piece."""
        a = float(self.from_rps[piece])
        if self._slope[piece] != 0.0:
            return np.maximum.accumulate(self._when_in(np.array([piece]), count))
        times: Floats = count - self._reached[piece]
        times /= max(2 * a, 1e-300) / 2  # halving both sides of the division changes no bit of it
        times += self.edge_s[piece]
        np.minimum(times, self._before_end[piece], out=times)
        return times

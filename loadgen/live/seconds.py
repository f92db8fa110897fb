"""What became of each second of the schedule, from the generator's own records, once all its requests have ended.

A prediction counts a request in the second it was meant for. What was answered in a second is something else as soon
as there is a queue: of a surge that is predicted to the percent it shows goodput and failures that are seconds late.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from loadgen.records import ROW, Rows, good_rows, rows_of

# A request that never left has no record; nor have those of a lost worker. Their second is told without them.
PATIENCE_S = 15.0
_MOST_BYTES = 1 << 24


@dataclass(frozen=True)
class Second:
    """The requests meant for the second before `end_s` that have ended; `p95_s` from the intended time, of good ones."""

    end_s: float
    sent: int
    ok: int
    p95_s: float | None


class Seconds:
    """Follows a records file that is being written. `intended_s` (n,) is the whole schedule, ascending."""

    def __init__(self, intended_s: NDArray[np.float64], records: Path) -> None:
        self._planned = np.bincount(intended_s.astype(np.int64)).tolist()
        self._records, self._read, self._next = records, 0, 0
        self._open: dict[int, list[Rows]] = {}

    def settled(self, now_s: float) -> Iterator[Second]:
        """The seconds that are whole now and were not the last time, in order."""
        self._read_on()
        while self._next < len(self._planned) and self._next + 1 <= now_s:
            number = self._next
            parts = self._open.get(number, [])
            ended = sum(map(len, parts))
            if ended < self._planned[number] and now_s < number + 1 + PATIENCE_S:
                return
            self._open.pop(number, None)
            self._next += 1
            yield _second(number + 1.0, np.concatenate(parts) if parts else np.empty(0, ROW))

    def _read_on(self) -> None:
        try:
            with self._records.open("rb") as file:
                file.seek(self._read)
                new = file.read(_MOST_BYTES)
        except OSError:
            return
        new = new[: len(new) - len(new) % ROW.itemsize]
        self._read += len(new)
        rows = rows_of(new)
        rows = rows[rows["final"] == 1]
        numbers = rows["intended_s"].astype(np.int64)
        for number in np.unique(numbers).tolist():
            if number >= self._next:
                self._open.setdefault(number, []).append(rows[numbers == number])


def _second(end_s: float, rows: Rows) -> Second:
    good = rows[good_rows(rows)]
    took_s = np.sort(good["done_s"] - good["intended_s"])
    p95_s = float(took_s[math.ceil(0.95 * len(took_s)) - 1]) if len(took_s) else None
    return Second(end_s, len(rows), len(good), p95_s)

"""What the generator saw of each attempt: one fixed-size row each, packed as it happens and read back with numpy.

Rows are little-endian and 52 bytes; a file is nothing but rows, so that what a kill cut off is the last row at most.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ERRORS = ("", "timeout", "connect", "reset", "other", "check")
_CODE = {error: code for code, error in enumerate(ERRORS)}
_ROW = struct.Struct("<qiidddhBBq")
ROW = np.dtype(
    [
        ("index", "<i8"),
        ("attempt", "<i4"),
        ("request", "<i4"),
        ("intended_s", "<f8"),
        ("send_s", "<f8"),
        ("done_s", "<f8"),
        ("status", "<i2"),
        ("error", "u1"),
        ("final", "u1"),
        ("bytes", "<i8"),
    ]
)
assert ROW.itemsize == _ROW.size
Rows = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of one intended request. Times are seconds from the schedule's first moment.

    `request` is its kind, an index into the mix; `intended_s` is that of the first attempt; `status` 0 means no
    answer, and `error` then is timeout, connect, reset or other; an answer that is not what the scenario expects has
    the error check. After a `final` attempt the client tries no more.
    """

    index: int
    attempt: int
    request: int
    intended_s: float
    send_s: float
    done_s: float
    status: int
    error: str
    final: bool
    bytes: int

    @property
    def good(self) -> bool:
        """Whether the client takes it for a success."""
        return not self.error and 200 <= self.status < 400

    @property
    def request_id(self) -> str:
        """What the proxy logs it under."""
        return f"{self.index}-{self.attempt}"


def worth_a_retry(status: int, error: str) -> bool:
    """A client repeats what no server answered, what a server failed at, and what it was told to repeat."""
    return (bool(error) and error != "check") or status >= 500 or status == 429


class Recorder:
    """Packs attempts until somebody takes them."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def add(
        self,
        index: int,
        attempt: int,
        request: int,
        intended_s: float,
        send_s: float,
        done_s: float,
        status: int,
        error: str,
        final: bool,
        size: int,
    ) -> None:
        """Remember an attempt, field by field, until the next `take`; an object for each would cost as much as the row."""
        self._pending += _ROW.pack(
            index, attempt, request, intended_s, send_s, done_s, status, _CODE[error], final, size
        )

    def take(self) -> bytes:
        """All rows since the last time."""
        rows, self._pending = bytes(self._pending), bytearray()
        return rows


def rows_of(packed: bytes) -> Rows:
    """The rows of a packed piece."""
    return np.frombuffer(packed, dtype=ROW)


def read_rows(path: Path) -> Rows:
    """All whole rows of a records file, in the order they were finished; none when there is no file."""
    packed = path.read_bytes() if path.exists() else b""
    return rows_of(packed[: len(packed) - len(packed) % ROW.itemsize])


def good_rows(rows: Rows) -> NDArray[np.bool_]:
    """(n,) whether the client takes each row's answer for a success."""
    good: NDArray[np.bool_] = (rows["error"] == 0) & (rows["status"] >= 200) & (rows["status"] < 400)
    return good


def attempts_of(rows: Rows) -> list[Attempt]:
    """Each row as an object."""
    return [
        Attempt(index, attempt, request, intended, send, done, status, ERRORS[error], bool(final), size)
        for index, attempt, request, intended, send, done, status, error, final, size in rows.tolist()
    ]


def read_records(path: Path) -> list[Attempt]:
    """All whole rows of a records file."""
    return attempts_of(read_rows(path))

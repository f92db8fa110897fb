"""How the kernel reaches its tables: one array of whole numbers, the root, holds their addresses, and itself the counters.

Handing two dozen arrays from function to function costs more than what the functions do, and a minute of
compilation. So the kernel's functions take the root alone. A table's place in it is its place in `TABLES`: the
address, and `len(TABLES)` further its rows; then come the single whole numbers of `tables`. Only `Memory` writes
addresses, and it keeps the arrays alive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import carray  # type: ignore[attr-defined]  # numba does not say what it exports
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from sim.dataplane import tables as t
from sim.dataplane.compiled import inlined

Root = NDArray[np.int64]
Table = Any

TABLES: dict[str, np.dtype[Any]] = {
    "real": np.dtype("f8"), "keys": np.dtype("u8"), "events": t.EVENT, "arrivals": t.ARRIVAL, "kinds": t.KIND,
    "backends": t.BACKEND, "groups": t.GROUP, "running": np.dtype("i8"), "seats": t.SEAT, "pods": t.POD,
    "attempts": t.ATTEMPT, "pending": np.dtype("i8"), "lanes": t.LANE, "timers": t.TIMER, "counters": t.COUNTER,
    "denied": np.dtype("b1"), "points": t.CELL, "leaves": t.CELL, "samples": np.dtype("f8"), "lists": np.dtype("i8"),
    "records": t.RECORD, "phases": t.PHASE, "fine": np.dtype("i8"), "buckets": t.BUCKET, "coarse": np.dtype("i4"),
    "seconds": t.SECOND,
}  # fmt: skip
assert 2 * len(TABLES) == t.FIRST_WHOLE


class Memory:
    """The tables of one replication, as Python sees them; the kernel's entry points take the `address` of the root."""

    def __init__(self) -> None:
        self.root: Root = np.zeros(t.WHOLES, np.int64)
        self.address = self.root.ctypes.data
        self._tables: dict[str, Any] = {}
        for name, dtype in TABLES.items():
            self.put(**{name: np.zeros(0, dtype)})

    def put(self, **tables: Any) -> None:
        """Replace tables; nobody else may still hold the old ones."""
        for name, table in tables.items():
            place = list(TABLES).index(name)
            kept = np.ascontiguousarray(table, dtype=TABLES[name])
            self._tables[name] = kept
            self.root[place], self.root[len(TABLES) + place] = kept.ctypes.data, kept.size

    def __getattr__(self, name: str) -> Any:
        """A table by its name."""
        try:
            return self.__dict__["_tables"][name]
        except KeyError:
            raise AttributeError(name) from None


@intrinsic
def _pointer(_context: Any, address: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


@inlined
def root_at(address: int) -> Root:
    """The root, without a reference count that every call would have to move."""
    return carray(_pointer(address), (t.WHOLES,), np.int64)  # type: ignore[call-arg]  # as below


def _accessor(name: str) -> Callable[[Root], Table]:
    place, dtype = list(TABLES).index(name), TABLES[name]
    size = len(TABLES) + place

    def table(s: Root) -> Table:
        return carray(_pointer(s[place]), (s[size],), dtype)  # type: ignore[call-arg]  # the context is numba's

    # machine code is kept and linked by name, and these would all be called the same
    table.__name__ = table.__qualname__ = name
    return inlined(table)


real, keys, events, arrivals = (_accessor(name) for name in ("real", "keys", "events", "arrivals"))
kinds, backends, groups, running = (_accessor(name) for name in ("kinds", "backends", "groups", "running"))
seats, pods, attempts, pending = (_accessor(name) for name in ("seats", "pods", "attempts", "pending"))
lanes, timers, counters, denied = (_accessor(name) for name in ("lanes", "timers", "counters", "denied"))
points, leaves, samples, lists = (_accessor(name) for name in ("points", "leaves", "samples", "lists"))
records, phases, fine = (_accessor(name) for name in ("records", "phases", "fine"))
buckets, coarse, seconds = (_accessor(name) for name in ("buckets", "coarse", "seconds"))

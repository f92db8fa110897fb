"""The kernel's machine code, made once before several processes need it.

Compiling takes most of a minute of a core, and processes that start with an empty cache would each do it. numba itself
keeps its files whole: they are renamed into their place, and like functions give like code whoever writes last.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

from numba import types

from sim.dataplane import advance as kernel

_ENTRIES: tuple[Any, ...] = (
    kernel.advance, kernel.start_users, kernel.bring_in, kernel.take_out, kernel.refill, kernel.kill, kernel.close_area,
    kernel.lay_leaf,
)  # fmt: skip
_TYPES = {int: types.int64, float: types.float64}


def compile_kernel() -> None:
    """See to it that the machine code is in the cache; of several processes of this machine one compiles."""
    if is_compiled():
        return
    with _one_at_a_time():
        for entry in _ENTRIES:
            entry.compile(signature(entry))


def signature(entry: Any) -> tuple[types.Type, ...]:
    """What an entry point is called with, as numba says it."""
    hints = get_type_hints(entry.py_func)
    return tuple(_TYPES[kind] for name, kind in hints.items() if name != "return")


def is_compiled() -> bool:
    """Whether the cache has what is compiled first, and takes longest."""
    return any(_cache().glob(f"advance.{kernel.advance.__name__}-*.nbi"))


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # a cache that is read-only or knows no locks: each compiles for itself
            _cache().mkdir(parents=True, exist_ok=True)
            fcntl.flock(stack.enter_context((_cache() / "compiling.lock").open("w")), fcntl.LOCK_EX)
        yield


def _cache() -> Path:
    return Path(kernel.advance.stats.cache_path)  # type: ignore[attr-defined]  # the dispatcher's, not the function's

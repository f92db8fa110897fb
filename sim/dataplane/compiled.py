"""How functions of the kernel are compiled, and where the machine code is kept.

numba's cache forgets to recompile a function when one that it calls has changed in another file, so each state of
the sources has a cache directory of its own. It is shared by all processes of this user.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import config
from numba.core.types import unliteral

F = TypeVar("F", bound=Callable[..., Any])

_HERE = Path(__file__).parent


def cache_directory() -> Path:
    """Where machine code of exactly these sources and this numba goes."""
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(_HERE.glob("*.py")):
        digest.update(source.read_bytes())
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "matchday" / "kernel" / digest.hexdigest()[:16]


if "NUMBA_CACHE_DIR" not in os.environ:
    config.CACHE_DIR = str(cache_directory())  # type: ignore[attr-defined]  # made at run time from the environment


def compiled(function: F) -> F:
    """Compile at the first call; division by zero gives what numpy gives."""
    return _one_for_all_numbers(numba.njit(cache=True, error_model="numpy")(function))


def inlined(function: F) -> F:
    """As `compiled`, and copied into every caller: for what happens several times a request."""
    return _one_for_all_numbers(numba.njit(cache=True, error_model="numpy", forceinline=True)(function))


def _one_for_all_numbers(dispatcher: Any) -> Any:
    """Keep numba from compiling a function anew for each constant that it is called with."""
    template = dispatcher.get_call_template
    dispatcher.get_call_template = lambda args, kws: template(
        tuple(map(unliteral, args)),
        {name: unliteral(kind) for name, kind in kws.items()},  # type: ignore[no-untyped-call]
    )
    return dispatcher


def merged(function: F) -> F:
    """Written apart, compiled as part of its only caller: each function of its own costs seconds of compilation."""
    return cast("F", numba.njit(error_model="numpy", inline="always")(function))

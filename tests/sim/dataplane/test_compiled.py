from __future__ import annotations

import numba
import pytest

from sim.dataplane import compiled as module
from sim.dataplane.compiled import cache_directory, compiled, inlined, merged


@compiled
def halved(a: float, b: float) -> float:
    return a / b


@compiled
def twice(n: int) -> int:
    return 2 * n


@inlined
def third(a: float) -> float:
    return a / 3.0


@merged
def early(a: int) -> int:
    if a > 3:
        return 3
    return a


@compiled
def caller(a: int) -> float:
    return third(early(a)) + halved(1.0, 0.0)


def test_a_constant_argument_makes_no_version_of_its_own() -> None:
    @numba.njit  # not kept, so that it is compiled here
    def constants() -> int:
        return twice(1) + twice(2)

    assert constants() == 6  # type: ignore[call-arg,comparison-overlap]  # numba's types do not know nullary functions
    assert len(twice.signatures) == 1  # type: ignore[attr-defined]  # what numba makes of a function


def test_merged_and_inlined_functions_do_what_they_say() -> None:
    assert caller(9) == float("inf")
    assert early(9) == 3
    assert third(9.0) == 3.0


def test_the_cache_belongs_to_these_sources_and_this_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    first = cache_directory()
    assert first.parent.as_posix() == "/somewhere/matchday/kernel"
    monkeypatch.setattr(numba, "__version__", "0.0")
    assert cache_directory() != first


def test_the_environment_may_say_where_the_cache_is() -> None:
    assert module.config.CACHE_DIR  # type: ignore[attr-defined]  # numba's own

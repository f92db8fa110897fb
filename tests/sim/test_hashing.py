from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sim.hashing import avalanche, avalanche_all, sdbm


def test_sdbm_of_known_words() -> None:
    # 65599 is the multiplier that sdbm's shifts stand for
    assert sdbm(b"") == 0
    assert sdbm(b"a") == 97
    assert sdbm(b"/a") == (47 * 65599 + 97) % 2**32


@given(st.binary(max_size=40))
def test_sdbm_is_a_polynomial_in_65599(key: bytes) -> None:
    value = 0
    for byte in key:
        value = (value * 65599 + byte) % 2**32
    assert sdbm(key) == value


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20))
def test_avalanche_of_an_array_is_that_of_its_items(values: list[int]) -> None:
    assert avalanche_all(np.array(values, dtype=np.uint32)).tolist() == [avalanche(v) for v in values]


def test_avalanche_spreads_neighbours_over_the_whole_range() -> None:
    hashed = np.sort(avalanche_all(np.arange(10_000, dtype=np.uint32))) / 2**32
    assert np.abs(hashed - np.linspace(0, 1, hashed.size)).max() < 0.02

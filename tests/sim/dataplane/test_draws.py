from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from sim.dataplane import draws

KEY = np.uint64(0x1234_5678_9ABC_DEF0)


def test_the_numbers_of_a_key_are_splitmix64_seeded_with_it() -> None:
    # the first numbers of SplitMix64 seeded with 0, as its reference implementation (prng.di.unimi.it) gives them
    first = [draws.bits(np.uint64(0), i) for i in range(3)]
    assert first == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_uniform_numbers_fill_the_unit_interval_evenly() -> None:
    u = np.array([draws.uniform(KEY, i) for i in range(20_000)])
    assert u.min() >= 0.0
    assert u.max() < 1.0
    counts = np.histogram(u, bins=20, range=(0, 1))[0]
    # chi-square with 19 degrees of freedom stays below 43.8 in 99.9 %
    assert ((counts - 1000) ** 2 / 1000).sum() < 43.8


def test_neighbours_and_parts_are_not_correlated() -> None:
    other = np.uint64(draws.part_key(KEY, 1))
    one = np.array([draws.uniform(KEY, i) for i in range(20_000)])
    two = np.array([draws.uniform(other, i) for i in range(20_000)])
    for pair in ((one[1:], one[:-1]), (one, two)):
        assert abs(np.corrcoef(*pair)[0, 1]) < 4 / np.sqrt(20_000)


def test_32_bits_are_32_bits() -> None:
    values = [draws.bits_32(KEY, i) for i in range(1000)]
    assert 0 <= min(values) < 2**24
    assert 2**32 - 2**24 < max(values) < 2**32


def test_children_have_names_of_their_own() -> None:
    names = {draws.child(who, number, edge) for who in range(20) for number in range(5) for edge in range(5)}
    assert len(names) == 500
    assert min(names) >= 0


def test_the_normal_quantile_is_scipys_to_the_last_digits() -> None:
    p = np.concatenate((np.geomspace(1e-300, 0.5, 500), 1 - np.geomspace(1e-16, 0.5, 200)))
    found = [draws.normal_quantile(float(x)) for x in p]
    assert found == pytest.approx(ndtri(p), rel=1e-14, abs=1e-15)


@pytest.mark.parametrize(
    ("family", "a", "b", "mean"),
    [
        (draws.CONSTANT, 0.25, 0.0, 0.25),
        (draws.EXPONENTIAL, 0.25, 0.0, 0.25),
        (draws.LOGNORMAL, np.log(0.25) - 0.125, 0.5, 0.25),
    ],
)
def test_distributions_have_their_means(family: int, a: float, b: float, mean: float) -> None:
    u = (np.arange(200_000) + 0.5) / 200_000
    assert draws.quantiles(family, a, b, np.zeros(1), u).mean() == pytest.approx(mean, rel=1e-4)


def test_a_sample_is_drawn_between_its_neighbours() -> None:
    sample = np.array([1.0, 2.0, 4.0])
    u = np.array([0.0, 0.25, 0.5, 0.75, 1 - 1e-12])
    assert draws.quantiles(draws.SAMPLE, 0.0, 0.0, sample, u) == pytest.approx([1.0, 1.5, 2.0, 3.0, 4.0])
    assert draws.quantile(draws.SAMPLE, 0.0, 0.0, np.array([3.0]), 0.7) == 3.0

"""Arrival times as such; how they become a schedule is in test_traffic.py."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import stats

from scenarios.arrivals import arrival_blocks
from scenarios.rate import Floats, Rate
from scenarios.schema import Traffic

RATE = Rate(np.array([0.0, 100.0, 300.0]), np.array([10.0, 50.0]), np.array([50.0, 50.0]))


def blocks(arrivals: Any, size: int, rate: Rate = RATE, seed: int = 3) -> list[Floats]:
    traffic = Traffic.model_validate({"arrivals": arrivals, "requests": [{"host": "tv.example", "path": "/"}]})
    points, sizes = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    return list(arrival_blocks(traffic, rate, points, sizes, size))


@pytest.mark.parametrize("arrivals", ["poisson", "even", {"bursty": {"burst": 4}}])
def test_a_block_is_full_but_for_the_last(arrivals: Any) -> None:
    lengths = [len(block) for block in blocks(arrivals, 500)]
    assert set(lengths[:-1]) == {500}
    assert 0 < lengths[-1] <= 500


def test_a_poisson_process_has_exponential_gaps_across_blocks_as_well() -> None:
    times = np.concatenate(blocks("poisson", 100))
    assert stats.kstest(np.diff(RATE.count(times)), "expon").pvalue > 0.01


def test_a_burst_may_straddle_two_blocks() -> None:
    parts = blocks({"bursty": {"burst": 40}}, 100)
    assert any(before[-1] == after[0] for before, after in itertools.pairwise(parts))


def test_the_number_of_even_arrivals_is_the_whole_part_of_what_is_expected_rounded_up_from_a_half() -> None:
    counts = [
        sum(len(b) for b in blocks("even", 7, Rate(np.array([0.0, 1.0]), *[np.array([r])] * 2))) for r in (2.4, 2.6)
    ]
    assert counts == [2, 3]


def test_no_rate_makes_no_arrival_and_no_block() -> None:
    nothing = Rate(np.array([0.0, 10.0]), np.zeros(1), np.zeros(1))
    for arrivals in ("poisson", "even", {"bursty": {"burst": 4}}):
        assert blocks(arrivals, 10, nothing) == []

"""Schedules as the server really received them: its own clock, its own count.

A schedule is right when the times at which requests came pass for a draw of the intended process. Poisson arrivals, mapped
through the exact integral of their rate, are a Poisson process of rate one (time rescaling): gaps are exponential, which
Kolmogorov and Smirnov's test decides at the level 0.001, and so are counts in windows by their index of dispersion. Schedules
are seeded; what is left to chance is the timing of this machine, so that a failure means that requests were moved.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from scenarios.arrivals import arrival_blocks
from scenarios.rate import Rate
from scenarios.schema import Traffic
from tests.integration.generator import Generator
from tests.integration.witness import Witness

pytestmark = [pytest.mark.integration, pytest.mark.slow]
HOST = f"127.93.{1 + os.getpid() % 250}.9"
LEVEL = 0.001
# A 20x step up and down, and a ramp, of 600 to 700 requests; gaps of 10 ms, beside which a busy machine's wake-ups are short.
STEP = Rate(np.array([0.0, 3.0, 10.0, 12.0]), np.array([5.0, 100.0, 5.0]), np.array([5.0, 100.0, 5.0]))
RAMP = Rate(np.array([0.0, 10.0]), np.array([5.0]), np.array([120.0]))
Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def server() -> Iterator[Witness]:
    with Witness(HOST) as server:
        yield server


@pytest.fixture
def served(server: Witness, tmp_path: Path) -> Callable[[str, Rate], tuple[Floats, Floats]]:
    """(n,) intended and received times of a schedule of these arrivals."""

    def run(arrivals: str, rate: Rate) -> tuple[Floats, Floats]:
        traffic = Traffic.model_validate(
            {
                "arrivals": arrivals,
                "phases": [{"name": "a", "duration": "8s", "rps": 1}],
                "requests": [{"host": "a", "path": "/"}],
            }
        )
        points, sizes = (np.random.default_rng(seed) for seed in (11, 12))
        intended_s = np.concatenate(list(arrival_blocks(traffic, rate, points, sizes, 1 << 18)))
        before = len(server.came(0.0))
        generator = Generator(tmp_path, intended_s, f"{HOST}:{server.port}")
        try:
            generator.end()
        finally:
            generator.kill()
        came = server.came(generator.epoch)
        mine = came[came[:, 1] > -0.5]
        assert len(came) - before == len(mine) == len(intended_s)
        return intended_s, np.sort(mine[:, 1])

    return run


@pytest.mark.parametrize("rate", [STEP, RAMP], ids=["20x step", "ramp"])
def test_poisson_arrivals_are_received_as_a_poisson_process(
    served: Callable[[str, Rate], tuple[Floats, Floats]], rate: Rate
) -> None:
    _, came_s = served("poisson", rate)
    rescaled = rate.count(came_s)
    gaps = np.diff(rescaled, prepend=0.0)
    assert stats.kstest(gaps, "expon").pvalue > LEVEL
    counts = np.bincount((rescaled / 10).astype(int))[:-1]  # 10 expected in each window
    dispersion = float(((counts - counts.mean()) ** 2).sum() / counts.mean())
    assert LEVEL < stats.chi2.cdf(dispersion, len(counts) - 1) < 1 - LEVEL


@pytest.mark.parametrize("rate", [STEP, RAMP], ids=["20x step", "ramp"])
def test_even_arrivals_are_received_one_by_one_at_the_rate(
    served: Callable[[str, Rate], tuple[Floats, Floats]], rate: Rate
) -> None:
    intended_s, came_s = served("even", rate)
    # the n-th comes when n - 1/2 are expected; uniform on (0, 1) after a shift, to within what timing moves
    off = rate.count(came_s) - (np.arange(len(came_s)) + 0.5)
    assert np.quantile(np.abs(off), 0.95) < 1.0
    late_s = came_s - intended_s
    assert late_s.min() > -0.0005
    assert np.median(late_s) < 0.003


def test_a_schedule_that_is_moved_by_a_tenth_of_a_second_does_not_pass() -> None:
    traffic = Traffic.model_validate(
        {
            "arrivals": "poisson",
            "phases": [{"name": "a", "duration": "8s", "rps": 1}],
            "requests": [{"host": "a", "path": "/"}],
        }
    )
    points, sizes = (np.random.default_rng(seed) for seed in (11, 12))
    intended_s = np.concatenate(list(arrival_blocks(traffic, STEP, points, sizes, 1 << 18)))
    in_batches = np.ceil(intended_s / 0.1) * 0.1
    assert stats.kstest(np.diff(STEP.count(in_batches), prepend=0.0), "expon").pvalue < LEVEL

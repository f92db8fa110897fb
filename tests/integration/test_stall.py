"""A server that stops for 2 s in every 10 at 500 requests a second: every request that was due counts its whole wait."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.integration.stall import QUANTILES, analytic_s, open_loop_s
from tests.integration.static_server import StaticServer

pytestmark = [pytest.mark.integration, pytest.mark.slow]
HOST = f"127.92.{1 + os.getpid() % 250}.9"


def test_quantiles_from_the_intended_time_are_those_that_were_calculated(tmp_path: Path) -> None:
    with StaticServer(tmp_path, HOST) as server:
        latencies_s = open_loop_s(tmp_path / "run", server, periods=2)
    measured = {q: float(np.quantile(latencies_s, q, method="inverted_cdf")) for q in QUANTILES}
    assert measured == {q: pytest.approx(analytic_s(q), rel=0.05) for q in QUANTILES}
    assert float(np.median(latencies_s)) < 0.02


def test_the_calculation_is_that_of_a_sample_of_the_same_world() -> None:
    due_s = np.random.default_rng(1).uniform(0, 10, 1_000_000)
    waits_s = np.where(due_s < 2, 2 - due_s, 0.0)
    assert [analytic_s(q) for q in QUANTILES] == [pytest.approx(np.quantile(waits_s, q), rel=0.01) for q in QUANTILES]

"""Timestamps replayed one by one: when each request came, by the clock of the server that it came to."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.integration.generator import Generator
from tests.integration.witness import Witness

pytestmark = [pytest.mark.integration, pytest.mark.slow]
HOST = f"127.95.{1 + os.getpid() % 250}.9"


def test_a_hundred_thousand_timestamps_are_replayed_with_a_median_error_under_a_millisecond(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    # gaps of an access log: in bursts, and rounded to the millisecond
    stamps_s = np.round(np.cumsum(rng.gamma(0.5, 1.0, 100_000)), 3)
    stamps_s = np.round(stamps_s * (36.0 / stamps_s[-1]), 3)
    with Witness(HOST) as server:
        run = Generator(tmp_path, stamps_s, f"{HOST}:{server.port}")
        try:
            run.end(100.0)
        finally:
            run.kill()
        came = server.came(run.epoch)
    assert np.array_equal(came[:, 0], np.arange(len(stamps_s)))
    error_s = np.abs(came[:, 1] - stamps_s)
    assert float(np.median(error_s)) < 0.001

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.dataplane import figures
from sim.dataplane import tables as t
from sim.dataplane.memory import Memory


@settings(deadline=None)
@given(st.floats(2e-6, 30_000.0), st.sampled_from([figures.FINE_BITS, figures.COARSE_BITS]))
def test_a_latency_is_within_half_a_cell_of_its_cells_middle(value_s: float, bits: int) -> None:
    index = figures.cell(value_s, bits)
    assert figures.cell_middle_s(index, bits) == pytest.approx(value_s, rel=0.5 / 2**bits)


def test_what_is_out_of_range_goes_to_the_ends() -> None:
    assert figures.cell(0.0, figures.FINE_BITS) == 0
    assert figures.cell(1e-9, figures.FINE_BITS) == 0
    assert figures.cell(1e9, figures.FINE_BITS) == figures.FINE_CELLS - 1


def test_cells_ascend_with_latency() -> None:
    cells = [figures.cell(x, figures.FINE_BITS) for x in np.geomspace(1e-5, 1e4, 500)]
    assert cells == sorted(cells)
    assert len(set(cells)) == 500


def test_request_seconds_fall_into_the_buckets_they_were_spent_in() -> None:
    memory = Memory()
    memory.put(real=np.zeros(t.REALS), buckets=np.zeros(3, t.BUCKET))
    memory.real[t.BUCKET_S] = 1.0
    memory.root[t.QUEUED] = 2
    figures.count_area(memory.root, 1.5)
    memory.root[t.QUEUED], memory.root[t.IN_SLOTS] = 0, 1
    figures.count_area(memory.root, 9.0)  # what comes after the last bucket is nobody's
    assert memory.buckets["queued_s"] == pytest.approx([2.0, 1.0, 0.0])
    assert memory.buckets["served_s"] == pytest.approx([0.0, 0.5, 1.0])

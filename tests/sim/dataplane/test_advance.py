from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from sim.dataplane import tables as t

if TYPE_CHECKING:
    from tests.sim.conftest import World


def test_the_kernel_stops_before_the_control_planes_moment(world: type[World]) -> None:
    shop = world(pods=1, time={"constant": "1s"})
    schedule = shop.schedule([0.0, 1.0, 2.0])
    one = shop.replication(schedule)
    plane = one.plane
    plane.add("live", plane.new_pod("live", "live-1"), new=False)
    plane.memory.root[t.MORE_ARRIVALS] = 1
    assert plane.advance(5.0) == t.NEEDS_ARRIVALS
    one._load(iter([schedule]))
    # at 1 s the answer and the second request are due: both come after whatever the control plane does then
    assert plane.advance(1.0) == t.REACHED
    assert (plane.now_s, plane.pods[0].in_flight) == (0.0, 1)
    assert plane.advance(1.5) == t.REACHED
    assert plane.pods[0].accepted == 2


def test_tables_grow_when_a_crowd_comes(world: type[World]) -> None:
    # 20,000 requests at once, each with a time-out, in tables that begin with 256 rows
    shop = world(pods=2, maxconn=1, workers=1, time={"constant": "1ms"}, request={"timeout": "2s"})
    total = shop.compiled(np.zeros(20_000), until_s=5.0).future().total
    assert total.goodput_rps == pytest.approx(2 * 2000 / 5.0, rel=0.01)
    assert total.failures.client_timeout == pytest.approx(0.8, abs=0.001)

from __future__ import annotations

import pytest

from sim.controlplane.node import Node, Zone


@pytest.mark.parametrize(("request_milli", "fits"), [(0, True), (400, True), (401, False)])
def test_a_pod_fits_while_requests_stay_within_the_cores(request_milli: int, fits: bool) -> None:
    assert Node(0, Zone(0), cpu_milli=1000, allocated_milli=600).fits(request_milli) is fits


def test_a_node_without_size_has_room_for_every_pod() -> None:
    assert Node(0, Zone(0), allocated_milli=10**9).fits(10**9)


def test_a_zone_takes_no_pods_while_it_is_cut_off_or_not_ready() -> None:
    zone = Zone(0)
    assert zone.takes_pods
    zone.link.shut()
    assert not zone.takes_pods
    zone.link.reopen()
    zone.not_ready_since_s = 40.0
    assert not zone.takes_pods

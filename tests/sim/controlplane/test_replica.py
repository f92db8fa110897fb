from __future__ import annotations

import pytest

from balancer.policy.objects import Probe
from sim.controlplane.replica import Replica, deletion_order, ready_at_s


@pytest.mark.parametrize(
    ("probe", "up_s", "ready_s"),
    [
        (Probe(period_s=1), 12.5, 13.0),
        (Probe(period_s=1), 12.0, 12.0),
        (Probe(period_s=10), 10.1, 20.0),
        (Probe(period_s=5, initial_delay_s=4), 11.0, 14.0),
        (Probe(period_s=5, initial_delay_s=4), 14.5, 19.0),
        (Probe(period_s=1, success_threshold=3), 12.5, 15.0),
    ],
)
def test_a_pod_is_ready_at_the_first_probe_after_it_is_up(probe: Probe, up_s: float, ready_s: float) -> None:
    assert ready_at_s(probe, 10.0, up_s) == pytest.approx(ready_s)


def replica(name: str, created_s: float, ready_since_s: float | None) -> Replica:
    return Replica(name, int(created_s), created_s, ready_since_s=ready_since_s)


def test_scale_down_takes_unready_pods_first_then_the_most_recently_ready_by_powers_of_two() -> None:
    replicas = [
        replica("old", 0.0, 1.0),  # ready for 99 s
        replica("young", 80.0, 90.0),  # 10 s
        replica("as-young", 85.0, 88.0),  # 12 s, the same power of two, created later
        replica("younger", 90.0, 97.0),  # 3 s
        replica("starting", 99.0, None),
        replica("starting-earlier", 95.0, None),
    ]
    names = [r.name for r in deletion_order(replicas, now_s=100.0)]
    assert names == ["starting", "starting-earlier", "younger", "as-young", "young", "old"]

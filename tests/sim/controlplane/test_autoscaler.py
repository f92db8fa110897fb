from __future__ import annotations

import pytest

from balancer.policy.hpa import Behavior, HpaSpec, Metric, ScalingPolicy, ScalingRules
from balancer.policy.objects import Probe
from sim.controlplane.autoscaler import Autoscaler, scrape_loop, sync_loop
from sim.controlplane.kubelet import Lags
from sim.controlplane.metrics import Metrics
from tests.sim.controlplane.conftest import AT_ONCE, Bench, FakePlane, always

CPU_50 = Metric("Resource", "cpu", utilization_percent=50)


class Scaled:
    """Two pods, an HPA of these metrics synced every 5 s, and when it scaled to how many."""

    def __init__(
        self,
        *metrics: Metric,
        cores: float = 0.0,
        resolution_s: float = 5.0,
        most: int = 9,
        behavior: Behavior | None = None,
        lags: Lags | None = None,
    ) -> None:
        brisk = Lags(0.0, always(0.0), always(2.5), always(0.0))
        self.bench = Bench(lags=lags or brisk, readiness=Probe(period_s=1)).begin(2)
        self.plane = self.bench.plane
        for pod in self.plane.pods.values():
            pod.burn(cores)
        spec = HpaSpec(1, most, metrics or (CPU_50,), behavior)
        self.metrics = Metrics(self.plane, spec.metrics)
        autoscaler = Autoscaler(spec, self.bench.pods, self.metrics)
        self.bench.clock.process(scrape_loop(self.bench.clock, self.metrics, self.bench.sets, resolution_s))
        self.bench.clock.process(sync_loop(self.bench.clock, self.bench.api, [autoscaler], 5.0))

    def run(self, until_s: float) -> Scaled:
        self.bench.run(until_s)
        return self

    def changes(self) -> list[tuple[float, int]]:
        """(when, to how many), as the pods' creation tells for growth."""
        created: dict[float, int] = {}
        for number, replica in enumerate(self.bench.pods.replicas, 1):
            created[round(replica.created_s, 6)] = number
        return list(created.items())


def test_the_first_sync_after_a_period_scales_on_the_scrape_due_then() -> None:
    assert Scaled(cores=0.1).run(9.0).changes() == [(0.0, 2), (5.2, 4)]


def test_without_two_scrapes_nothing_is_decided() -> None:
    scaled = Scaled(cores=0.1, resolution_s=60.0)
    assert scaled.run(59.0).changes() == [(0.0, 2)]
    assert scaled.run(61.0).changes() == [(0.0, 2), (60.2, 4)]


def test_new_pods_that_burn_nothing_bring_the_average_down() -> None:
    # 100 + 100 + 0 + 0 over four pods is 50 %: on target from the sync on that sees all of them
    scaled = Scaled(cores=0.1).run(20.0)
    assert scaled.changes() == [(0.0, 2), (5.2, 4)]
    assert sum(replica.ready for replica in scaled.bench.pods.replicas) == 4


@pytest.mark.parametrize("cores", [0.045, 0.05, 0.055])
def test_within_tolerance_nothing_happens(cores: float) -> None:
    assert Scaled(cores=cores).run(300.0).bench.counts == [(2, 2, 2)]


def test_idle_pods_are_kept_for_the_stabilisation_window() -> None:
    scaled = Scaled()
    assert scaled.run(300.0).bench.pods.desired == 2
    assert scaled.run(311.0).bench.pods.desired == 1


def rate(plane: FakePlane, requests_per_s: int) -> None:
    """So many requests a second reach the proxies from now on."""

    def more() -> None:
        plane.arrivals["live"] = plane.arrivals.get("live", 0) + requests_per_s
        plane.clock.at(plane.clock.now + 1, more)

    plane.clock.at(0.5, more)


@pytest.mark.parametrize(
    ("metric", "desired"),
    [
        # 60 requests a second, 12 queued, 4 in flight in each of the two pods
        (Metric("External", "matchday_requests_per_second", average_milli=10_000), 6),
        (Metric("External", "matchday_requests_per_second", value_milli=20_000), 6),
        (Metric("Object", "matchday_requests_per_second", average_milli=15_000), 4),
        (Metric("External", "matchday_queue_length", average_milli=4_000), 3),
        (Metric("Object", "matchday_queue_length", value_milli=4_000), 6),
        (Metric("External", "matchday_in_flight", average_milli=2_000), 4),
        (Metric("Pods", "matchday_in_flight", average_milli=1_000), 8),
        (Metric("Pods", "matchday_in_flight", average_milli=4_000), 2),
        # each pod accepted 5 a second
        (Metric("Pods", "matchday_requests_per_second", average_milli=2_000), 5),
    ],
)
def test_every_metric_of_the_balancer_can_scale(metric: Metric, desired: int) -> None:
    scaled = Scaled(metric, behavior=Behavior(scale_up=ScalingRules(policies=(ScalingPolicy("Pods", 100, 15),))))
    rate(scaled.plane, 60)
    scaled.plane.queues["live"] = 12
    for pod in scaled.plane.pods.values():
        pod.in_flight = 4
        scaled.bench.clock.at(1.0, lambda pod=pod: setattr(pod, "accepted", 25))  # type: ignore[misc]
    scaled.run(5.0)
    scaled.run(5.3)
    assert scaled.bench.pods.desired == desired


def test_of_several_metrics_the_one_that_asks_for_most_decides() -> None:
    scaled = Scaled(CPU_50, Metric("External", "matchday_queue_length", average_milli=3_000), cores=0.075)
    scaled.plane.queues["live"] = 12
    assert scaled.run(5.3).bench.pods.desired == 4


def test_a_metric_that_nobody_has_changes_nothing_but_does_not_stop_another_from_growing() -> None:
    unknown = Metric("External", "sqs_messages", average_milli=1)
    assert Scaled(unknown, cores=0.1).run(400.0).bench.pods.desired == 2
    assert Scaled(unknown, CPU_50, cores=0.1).run(9.0).bench.pods.desired == 4
    assert Scaled(unknown, CPU_50).run(400.0).bench.pods.desired == 2


def test_nothing_is_scaled_without_metrics_and_the_first_usage_after_an_outage_needs_two_scrapes() -> None:
    scaled = Scaled(cores=0.1)
    scaled.bench.clock.at(4.0, scaled.metrics.begin_outage)
    scaled.bench.clock.at(21.0, scaled.metrics.end_outage)
    assert scaled.run(29.0).changes() == [(0.0, 2)]
    assert scaled.run(31.0).changes() == [(0.0, 2), (30.2, 4)]


def test_syncs_are_skipped_while_the_api_server_is_down_and_go_on_at_the_next_one() -> None:
    scaled = Scaled(cores=0.1)
    scaled.bench.clock.at(4.0, scaled.bench.api.shut)
    scaled.bench.clock.at(21.0, scaled.bench.api.reopen)
    assert scaled.run(24.0).changes() == [(0.0, 2)]
    assert scaled.run(26.0).changes() == [(0.0, 2), (25.2, 4)]


def surge_to_20_times(metric: Metric, limit_cores: float = 0.1) -> list[int]:
    """Two pods at 70 % of a request of 0.1 cores get 20 times their load, shared evenly; the counts at each sync."""
    scaled = Scaled(metric, most=100, lags=AT_ONCE)
    bench, counts = scaled.bench, list[int]()

    def share() -> None:
        pods = [replica.pod for replica in bench.pods.replicas if replica.in_rotation and replica.pod is not None]
        load_cores = 0.14 if bench.clock.now < 100.0 else 2.8
        for pod in pods:
            scaled.plane.pods[pod.name].burn(min(limit_cores, load_cores / len(pods)))

    def look() -> None:
        counts.append(bench.pods.desired)
        share()
        bench.clock.at(bench.clock.now + 5.0, look)

    bench.clock.at(0.3, look)
    bench.clock.at(100.0, share)
    scaled.run(180.0)
    return [count for time_s, count in zip(range(0, 1000, 5), counts, strict=False) if time_s >= 100]


def test_a_step_to_20_times_goes_by_half_every_other_sync_for_new_pods_need_two_scrapes() -> None:
    counts = surge_to_20_times(Metric("Resource", "cpu", utilization_percent=70))
    assert counts[:12] == [2, 3, 3, 5, 5, 8, 8, 12, 12, 18, 18, 26]

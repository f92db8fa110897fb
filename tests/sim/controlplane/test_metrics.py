from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from balancer.policy.hpa import Metric, PodSample
from scenarios.schema import Nodes
from sim.controlplane.metrics import Metrics
from tests.sim.controlplane.conftest import Bench

ALL = (Metric("Resource", "cpu"), Metric("External", "matchday_in_flight"))


class Scraped:
    """A Deployment and what is known of it; `at` scrapes at these times."""

    def __init__(self, *names: str, pods: int = 1, asked: Sequence[Metric] = ALL, **words: Any) -> None:
        self.bench = Bench(*names, **words).begin(pods)
        self.plane = self.bench.plane
        self.metrics = Metrics(self.plane, asked)

    def at(self, *times_s: float) -> Scraped:
        for time_s in times_s:
            self.bench.clock.at(time_s, lambda: self.metrics.scrape(self.bench.sets, self.bench.clock.now))
        self.bench.run(times_s[-1] + 0.001)
        return self

    def pod(self, name: str = "live-1") -> PodSample:
        return next(pod for pod in self.metrics.sample(self.bench.pods).pods if pod.name == name)


def test_usage_is_the_average_between_the_last_two_scrapes() -> None:
    scraped = Scraped()
    pod = scraped.plane.pods["live-1"]
    pod.burn(0.2)
    scraped.bench.clock.at(10.0, lambda: pod.burn(0.0))
    sample = scraped.at(0.0, 5.0).pod()
    assert (sample.cpu_usage_milli, sample.sample_at_s, sample.window_s) == (200, 5.0, 5.0)
    assert scraped.at(15.0).pod().cpu_usage_milli == 100


def test_a_new_pod_has_no_usage_until_its_second_scrape() -> None:
    scraped = Scraped()
    assert scraped.pod().cpu_usage_milli is None
    assert scraped.at(1.0).pod().cpu_usage_milli is None
    assert scraped.at(5.0).pod().cpu_usage_milli == 0


def test_a_pod_without_a_process_is_pending_and_an_unready_one_waits_since_its_start() -> None:
    scraped = Scraped()
    scraped.bench.pods.scale(2)
    waiting = scraped.pod("live-2")
    assert (waiting.phase, waiting.ready, waiting.started_s) == ("Pending", False, None)
    scraped.bench.run(1.0)
    starting = scraped.pod("live-2")
    assert (starting.phase, starting.ready, starting.ready_since_s) == ("Running", False, 0.1)


def test_a_pod_whose_node_is_lost_is_unready_since_then_and_without_metrics() -> None:
    scraped = Scraped(pods=2, nodes=Nodes(count=2, cpu=1, zones=2))
    scraped.bench.clock.at(10.0, scraped.bench.zone.begin)
    scraped.at(0.0, 9.0, 55.0)
    pod = scraped.pod()
    assert (pod.ready, pod.ready_since_s, pod.cpu_usage_milli) == (False, 50.0, None)
    assert scraped.pod("live-2").cpu_usage_milli == 0


def test_a_dead_pod_that_the_api_server_still_has_is_without_metrics() -> None:
    scraped = Scraped().at(0.0, 5.0)
    scraped.bench.api.shut()
    scraped.bench.pods.kill(scraped.bench.replica("live-1"))
    assert scraped.at(10.0).pod().cpu_usage_milli is None


def test_the_sample_holds_every_pod_those_being_deleted_included_and_counts_the_others() -> None:
    scraped = Scraped(pods=3)
    scraped.plane.pods["live-3"].in_flight = 1
    scraped.bench.pods.scale(2)
    sample = scraped.metrics.sample(scraped.bench.pods)
    assert [(pod.name, pod.deleting) for pod in sample.pods] == [("live-1", False), ("live-2", False), ("live-3", True)]
    assert (sample.spec_replicas, sample.status_replicas) == (2, 2)


def test_requests_per_second_of_a_deployment_are_those_that_reached_the_proxies_between_two_scrapes() -> None:
    scraped = Scraped()
    scraped.at(0.0)
    assert "matchday_requests_per_second" not in scraped.metrics.sample(scraped.bench.pods).external
    scraped.plane.arrivals["live"] = 40
    scraped.at(15.0)
    scraped.plane.arrivals["live"] = 41
    scraped.at(30.0)
    sample = scraped.metrics.sample(scraped.bench.pods)
    assert sample.external["matchday_requests_per_second"] == round(1000 / 15)
    assert sample.object == sample.external


def test_requests_per_second_of_a_pod_are_those_it_accepted() -> None:
    scraped = Scraped(pods=2)
    scraped.at(0.0)
    scraped.plane.pods["live-1"].accepted = 50
    scraped.at(10.0)
    rates = [scraped.pod(name).metrics["matchday_requests_per_second"] for name in ("live-1", "live-2")]
    assert rates == [5000, 0]


def test_queue_length_and_requests_in_flight_are_those_at_the_last_scrape() -> None:
    scraped = Scraped(pods=2)
    scraped.plane.queues["live"] = 7
    scraped.plane.pods["live-1"].in_flight, scraped.plane.pods["live-2"].in_flight = 3, 1
    scraped.at(0.0)
    scraped.plane.queues["live"] = 99
    scraped.plane.pods["live-1"].in_flight = 99
    sample = scraped.metrics.sample(scraped.bench.pods)
    assert sample.external == {"matchday_queue_length": 7000, "matchday_in_flight": 4000}
    assert [pod.metrics for pod in sample.pods] == [{"matchday_in_flight": 3000}, {"matchday_in_flight": 1000}]


def test_deployments_do_not_see_each_others_metrics() -> None:
    scraped = Scraped("one", "two")
    scraped.plane.queues["one"] = 7
    scraped.at(0.0)
    values = [
        scraped.metrics.sample(replica_set).external["matchday_queue_length"] for replica_set in scraped.bench.sets
    ]
    assert values == [7000, 0]


def test_during_an_outage_nothing_can_be_asked_for_and_what_was_not_scraped_in_it_is_remembered() -> None:
    scraped = Scraped().at(0.0, 5.0)
    scraped.metrics.begin_outage()
    sample = scraped.metrics.sample(scraped.bench.pods)
    assert (sample.external, sample.pods[0].cpu_usage_milli, sample.pods[0].metrics) == ({}, None, {})
    scraped.metrics.end_outage()
    assert scraped.pod().cpu_usage_milli == 0


@pytest.mark.parametrize(("scrapes_s", "usage"), [((20.0,), None), ((20.0, 25.0), 0)])
def test_after_a_failed_scrape_a_usage_needs_two_again(scrapes_s: tuple[float, ...], usage: int | None) -> None:
    scraped = Scraped().at(0.0, 5.0)
    scraped.metrics.begin_outage()
    scraped.at(10.0)
    scraped.metrics.end_outage()
    assert scraped.at(*scrapes_s).pod().cpu_usage_milli == usage


def test_what_no_autoscaler_asks_for_is_not_read() -> None:
    scraped = Scraped(asked=ALL[:1]).at(0.0, 5.0)
    assert scraped.metrics.sample(scraped.bench.pods).external == {}
    assert scraped.pod().cpu_usage_milli == 0
    scraped = Scraped(asked=ALL[1:]).at(0.0, 5.0)
    assert scraped.pod().cpu_usage_milli is None
    assert scraped.metrics.sample(scraped.bench.pods).external["matchday_in_flight"] == 0

from __future__ import annotations

from sim.clock import Clock
from sim.controlplane.metrics import Metrics
from sim.controlplane.replica import Replica
from tests.sim.controlplane.conftest import FakePod


def running(env: Clock, started_s: float = 0.0) -> tuple[Replica, FakePod]:
    pod = FakePod(env, "live-1")
    replica = Replica("live-1", 0, started_s, pod=pod, started_s=started_s, ready_since_s=started_s)
    return replica, pod


def test_usage_is_the_average_between_the_last_two_scrapes() -> None:
    env = Clock()
    replica, pod = running(env)
    metrics = Metrics()
    metrics.scrape([replica], env.now)
    pod.burn(0.2)
    env.at(10.0, lambda: pod.burn(0.0))
    env.run(until=5.0)
    metrics.scrape([replica], env.now)
    sample = metrics.sample(replica, 140)
    assert (sample.cpu_usage_milli, sample.sample_at_s, sample.window_s) == (200, 5.0, 5.0)
    env.run(until=15.0)
    metrics.scrape([replica], env.now)
    assert metrics.sample(replica, 140).cpu_usage_milli == 100


def test_a_new_pod_has_no_usage_until_its_second_scrape() -> None:
    env = Clock()
    replica, _ = running(env)
    metrics = Metrics()
    assert metrics.sample(replica, 140).cpu_usage_milli is None
    metrics.scrape([replica], 0.0)
    assert metrics.sample(replica, 140).cpu_usage_milli is None
    metrics.scrape([replica], 5.0)
    assert metrics.sample(replica, 140).cpu_usage_milli == 0


def test_a_pod_without_a_process_is_pending_and_an_unready_one_waits_since_its_start() -> None:
    env = Clock()
    metrics = Metrics()
    waiting = metrics.sample(Replica("live-2", 1, 3.0), 140)
    assert (waiting.phase, waiting.ready, waiting.started_s) == ("Pending", False, None)
    starting = Replica("live-3", 2, 3.0, pod=FakePod(env, "live-3"), started_s=4.0)
    sample = metrics.sample(starting, 140)
    assert (sample.phase, sample.ready, sample.ready_since_s) == ("Running", False, 4.0)


def test_a_dead_pod_is_forgotten() -> None:
    env = Clock()
    replica, pod = running(env)
    metrics = Metrics()
    metrics.scrape([replica], 0.0)
    pod.kill()
    metrics.scrape([replica], 5.0)
    assert metrics.sample(replica, 140).cpu_usage_milli is None

import asyncio
import time

import pytest

from balancer.policy.podview import Reading
from matchday.targets.kube.cpu import CpuCounts, KubeMeter, used_s
from tests.matchday.targets.kube.api import Answers, Json


def steady(cores: float, start_s: float, end_s: float, born_s: float = 0.0) -> list[Reading]:
    return [Reading(at, cores * (at - born_s)) for at in range(int(start_s), int(end_s) + 1, 10)]


def test_a_container_that_was_there_before_counts_to_the_very_edges() -> None:
    assert used_s(steady(0.5, 0, 200), 53.0, 147.0) == pytest.approx(0.5 * 94)


def test_a_container_that_came_meanwhile_counts_from_its_start() -> None:
    assert used_s(steady(0.5, 110, 200, born_s=105), 50.0, 200.0) == pytest.approx(0.5 * 95)


def test_a_container_that_ended_long_before_counts_no_further() -> None:
    assert used_s(steady(0.5, 0, 100), 50.0, 200.0) == pytest.approx(0.5 * 50)


def test_one_reading_of_an_old_container_says_nothing() -> None:
    assert used_s(steady(0.5, 0, 200), 55.0, 65.0) == 0.0


def summary(namespace: str, container: str, second: int, cpu_s: float) -> Json:
    cpu = {"time": f"2026-01-01T00:00:{second:02d}Z", "usageCoreNanoSeconds": int(cpu_s * 1e9)}
    pod = {"podRef": {"namespace": namespace, "uid": f"{namespace}-{container}"}}
    return {"pods": [{**pod, "containers": [{"name": container, "cpu": cpu}]}]}


def test_proxies_and_the_namespaces_pods_are_counted_apart_and_nothing_else() -> None:
    counts = CpuCounts(Answers(), "mine")
    for namespace, container, cores in (("mine", "live", 0.2), ("matchday", "proxy", 0.3), ("other", "x", 1.0)):
        for second in (10, 20, 30):
            counts.hear(summary(namespace, container, second, cores * second))
    start = 1767225600.0  # 2026-01-01T00:00:00Z
    used = counts.used(start + 10, start + 30)
    assert used.pods_s == pytest.approx(4.0)
    assert used.proxy_s == pytest.approx(6.0)
    assert counts.idle_cores(start) == pytest.approx(0.2)


def test_the_controllers_container_is_no_proxy() -> None:
    counts = CpuCounts(Answers(), "mine")
    for second in (10, 20):
        counts.hear(summary("matchday", "controller", second, second))
    assert counts.used(0.0, time.time()).proxy_s == 0.0


def test_a_meter_counts_from_when_it_was_made() -> None:
    counts = CpuCounts(Answers(), "mine")
    for second in (10, 20):
        counts.hear(summary("mine", "live", second, second))
    assert asyncio.run(KubeMeter(counts).read()).pods_s == 0.0


def test_readings_heard_twice_count_once() -> None:
    counts = CpuCounts(Answers(), "mine")
    for second in (10, 10, 20, 20):
        counts.hear(summary("mine", "live", second, second / 10))
    start = 1767225600.0
    assert counts.used(start + 10, start + 20).pods_s == pytest.approx(1.0)


def test_a_reading_below_the_last_is_no_reading() -> None:
    counts = CpuCounts(Answers(), "mine")
    for second, cpu_s in ((10, 1.0), (20, 2.0), (30, 0.1)):
        counts.hear(summary("mine", "live", second, cpu_s))
    assert counts.idle_cores(0.0) == pytest.approx(0.1)
    assert counts.used(1767225610.0, 1767225630.0).pods_s == pytest.approx(2.0)

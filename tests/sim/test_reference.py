from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest

from balancer.policy.config import Balance, Timeouts
from balancer.policy.hpa import Behavior, HpaSpec, Metric, ScalingRules

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim.conftest import Run, World

REPLICATIONS = 10
STUDENT_99 = 3.25  # 99 % of Student's t with 9 degrees of freedom
WARM_UP = 400


def agrees(figure: Callable[[int], float], expected: float, *, within: float) -> None:
    """The figure's own 99 % interval holds the closed form, and is narrower than `within` of it."""
    values = [figure(seed) for seed in range(REPLICATIONS)]
    half_width = STUDENT_99 * float(np.std(values, ddof=1)) / math.sqrt(REPLICATIONS)
    assert np.mean(values) == pytest.approx(expected, abs=half_width)
    assert half_width < within * expected


def mean_latency_s(run: Run) -> float:
    return float(run.latency_s()[WARM_UP:].mean())


def erlang_b(servers: int, offered: float) -> float:
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = offered * blocked / (k + offered * blocked)
    return blocked


def erlang_c(servers: int, offered: float) -> float:
    b = erlang_b(servers, offered)
    return b / (1 - offered / servers * (1 - b))


def test_one_worker_is_an_mm1_queue(world: type[World]) -> None:
    one = world(workers=1)
    agrees(lambda seed: mean_latency_s(one.poisson(0.6, 3000, seed)), 1 / (1 - 0.6), within=0.15)


def test_constant_service_waits_half_as_long_as_exponential(world: type[World]) -> None:
    # Pollaczek-Khinchine: load / (2 (1 - load)) services
    one = world(workers=1, time={"constant": "1s"})
    agrees(lambda seed: mean_latency_s(one.poisson(0.7, 3000, seed)) - 1.0, 0.7 / (2 * 0.3), within=0.2)


@pytest.mark.parametrize("balance", ["leastconn", "roundrobin", "first"])
def test_a_shared_backend_queue_is_erlang_c(world: type[World], balance: str) -> None:
    shop = world(pods=4, maxconn=1, workers=1, balance=balance)
    expected = 1 + erlang_c(4, 3.0) / (4 - 3.0)
    agrees(lambda seed: mean_latency_s(shop.poisson(3.0, 2500, seed)), expected, within=0.15)


def test_a_queue_timeout_of_nothing_loses_erlang_b(world: type[World]) -> None:
    shop = world(pods=4, maxconn=1, workers=1, timeouts=Timeouts(queue_s=1e-9, server_s=1e6))
    agrees(
        lambda seed: float(np.mean([f != "ok" for f in shop.poisson(3.0, 2000, seed).fates])),
        erlang_b(4, 3.0),
        within=0.1,
    )


def test_little_s_law_holds_in_the_queue_and_in_the_slots(world: type[World]) -> None:
    rate, n = 3.2, 20_000
    run = world(pods=4, maxconn=1, workers=1).poisson(rate, n)
    end_s = float(run.schedule.intended_s[-1])
    seen_at_s = np.linspace(0.05 * end_s, 0.95 * end_s, 4001)
    for stays in (run.trace.waited, run.trace.served):
        start, end = (np.sort([time_s for time_s, step in stays if step == sign]) for sign in (1, -1))
        present = np.searchsorted(start, seen_at_s, side="right") - np.searchsorted(end, seen_at_s, side="right")
        per_request_s = (end.sum() - start.sum()) / n
        assert present.mean() == pytest.approx(rate * per_request_s, rel=0.05)


def test_endless_overload_fills_the_queue_with_clients_that_leave_and_ends(world: type[World]) -> None:
    shop = world(pods=1, maxconn=1, time={"constant": "1s"}, request={"timeout": "20s"})
    run = shop.poisson(10.0, 1000)
    counts = Counter(run.fates)
    assert set(counts) == {"ok", "client_timeout"}
    # once the wait is as long as the patience, first come first served means that nobody is served in time
    assert 19 <= counts["ok"] <= 25
    assert max(run.latency_s()) <= 20.0 + 1e-6


def test_no_pods_is_a_503_for_everyone_at_once(world: type[World]) -> None:
    run = world(pods=0).poisson(10.0, 100)
    assert set(run.fates) == {"no_server"}
    assert run.latency_s() == pytest.approx(np.zeros(100))
    assert run.trace.replicas == [(0.0, 0, 0, 0)]


def test_every_request_has_one_fate_and_no_figure_depends_on_the_run(world: type[World]) -> None:
    shop = world(
        pods=3,
        maxconn=2,
        workers=2,
        balance=Balance("random"),
        timeouts=Timeouts(queue_s=1.0),
        request={"timeout": "4s", "retries": 2},
        disturbances=[{"at": "30s", "kill": 1}, {"at": "60s", "slow": {"pods": 2, "factor": 4, "duration": "20s"}}],
    )
    one, other = shop.poisson(5.0, 800, seed=3), shop.poisson(5.0, 800, seed=3)
    assert one.trace == other.trace
    assert Counter(one.fates)["aborted"] == 0
    assert shop.poisson(5.0, 800, seed=4).trace != one.trace


def test_the_weather_is_the_same_for_another_algorithm(world: type[World]) -> None:
    # alone on its pod a request takes what its own draw says, whoever picked the pod
    latencies = []
    for balance in ("roundrobin", "leastconn", "first", "random", "source"):
        run = world(pods=4, balance=balance, workers=99).poisson(0.5, 60, seed=5)
        latencies.append(run.latency_s())
    assert all(latency == pytest.approx(latencies[0]) for latency in latencies)


def utilization(target: int, highest: int, behavior: Behavior | None = None) -> HpaSpec:
    return HpaSpec(2, highest, (Metric("Resource", "cpu", utilization_percent=target),), behavior)


def test_a_step_makes_the_autoscaler_add_pods_and_their_going_frees_the_queue(world: type[World]) -> None:
    # two pods of four slots, 240 rps of 60 ms and 2 ms CPU: as scenarios/quick
    down = Behavior(scale_down=ScalingRules(stabilization_s=10))
    shop = world(
        pods=2, maxconn=4, workers=8, time={"lognormal": {"mean": "60ms", "cv": 0.5}}, cpu="2ms",
        hpa=utilization(60, 10, down), timeouts=Timeouts(queue_s=3.0), request={"timeout": "10s"},
    )  # fmt: skip
    rng = np.random.default_rng(1)
    surge = 10 + np.sort(rng.uniform(0, 40, 240 * 40))
    run = shop.run(np.concatenate((np.arange(0, 10, 1 / 12), surge, np.arange(50, 80, 1 / 12))))
    times = [row[0] for row in run.trace.replicas]
    desired = [row[1] for row in run.trace.replicas]
    assert desired[0] == 2
    assert max(desired) >= 6
    assert desired[-1] == 2
    # decisions at k * 5 s + 0.2 s; a pod is probed each second after 2.5 s of start-up, so ready 3 s after it
    rises = [t for t, before, after in zip(times[1:], desired, desired[1:], strict=False) if after > before]
    assert [round(t % 5, 6) for t in rises] == [0.2] * len(rises)
    first = rises[0]
    assert first == pytest.approx(15.2)
    at_ready = next(row for row in run.trace.replicas if row[0] > first)
    assert at_ready[0] == pytest.approx(first + 3.0)
    assert at_ready[1:] == (desired[times.index(first)],) * 3
    late = (run.schedule.intended_s > 45) & (run.schedule.intended_s < 50)
    assert np.quantile(run.latency_s()[late], 0.95) < 0.2


def test_a_cpu_step_to_20x_climbs_every_other_sync(world: type[World]) -> None:
    # reference/hpa.md: from 2 at target 70 % with limit = request and samples that need two scrapes:
    # 2 3 3 5 5 8 8 12 12 18 18 26
    shop = world(
        pods=2, discipline="shared-cpu", limit_milli=140, workers=1, time={"constant": "70ms"}, cpu="70ms",
        hpa=utilization(70, 100), cluster={"hpa_sync": "15s", "metrics_resolution": "15s"},
        request={"timeout": "30s"}, maxconn=50, timeouts=Timeouts(queue_s=2.0, server_s=1e6),
    )  # fmt: skip
    step = np.arange(30.0, 30.0 + 15 * 13, 1 / 56)
    run = shop.run(np.concatenate((np.arange(0, 30, 1 / 2.8), step)))
    seen = []
    for k in range(3, 14):
        at_s = 15 * k + 0.2
        seen.append([row[1] for row in run.trace.replicas if row[0] <= at_s + 1e-6][-1])
    assert seen[:11] == [3, 3, 5, 5, 8, 8, 12, 12, 18, 18, 26]


def test_a_killed_pod_costs_its_requests_and_is_replaced(world: type[World]) -> None:
    shop = world(
        pods=2, workers=99, time={"constant": "500ms"}, disturbances=[{"at": "10s", "kill": 1}], balance="roundrobin"
    )
    run = shop.run(np.arange(0.0, 30.0, 0.1))
    # half of the last half second's requests were on it
    assert 2 <= Counter(run.fates)["server_error"] <= 3
    assert Counter(run.fates)["ok"] == 300 - Counter(run.fates)["server_error"]
    assert [row[1:] for row in run.trace.replicas] == [(2, 2, 2), (2, 1, 1), (2, 2, 2)]
    assert run.trace.replicas[-1][0] == pytest.approx(13.0)


def test_a_slow_pod_is_slow_for_its_time_only(world: type[World]) -> None:
    shop = world(
        pods=1, workers=99, time={"constant": "500ms"},
        disturbances=[{"at": "10s", "slow": {"factor": 3, "duration": "5s"}}],
    )  # fmt: skip
    run = shop.run([9.9, 10.1, 14.9, 15.1])
    assert run.latency_s() == pytest.approx([0.5, 1.5, 1.5, 0.5])

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.clock import Clock
from sim.pod import Pod, SharedCpuPod, WorkerPod


class Visit:
    """A request that only remembers when it was answered."""

    def __init__(self, env: Clock, service_s: float, cpu_s: float = 0.0) -> None:
        self.env, self.service_s, self.cpu_s = env, service_s, cpu_s
        self.end_s: float | None = None
        self.broken = False

        self.make_calls: Callable[[Callable[[bool], None]], None] | None = None

    def pod_left(self, *, broken: bool, told: bool) -> None:
        self.end_s, self.broken, self.told = self.env.now, broken, told


def visit(pod: Pod, at_s: float, service_s: float, cpu_s: float = 0.0) -> Visit:
    job = Visit(pod.env, service_s, cpu_s)
    pod.env.after(at_s - pod.env.now, lambda: pod.accept(job))
    return job


def test_workers_serve_first_come_first_served() -> None:
    env = Clock()
    pod = WorkerPod(env, "a", workers=2)
    jobs = [visit(pod, at_s, 1.0) for at_s in (0.0, 0.1, 0.2, 0.3)]
    env.run()
    assert [job.end_s for job in jobs] == pytest.approx([1.0, 1.1, 2.0, 2.1])


def test_a_workers_cpu_is_burnt_evenly_over_the_service_time() -> None:
    env = Clock()
    pod = WorkerPod(env, "a", workers=2, idle_cores=0.01)
    visit(pod, 0.0, 2.0, cpu_s=0.5)
    visit(pod, 1.0, 2.0, cpu_s=0.5)
    env.run(until=1.0)
    assert pod.cpu_used_s() == pytest.approx(0.25 + 0.01)
    env.run(until=10.0)
    assert pod.cpu_used_s() == pytest.approx(1.0 + 0.1)


def test_a_slow_pod_takes_longer_for_what_starts_while_it_is_slow() -> None:
    env = Clock()
    pod = WorkerPod(env, "a", workers=9)
    before = visit(pod, 0.0, 1.0, cpu_s=0.1)
    env.after(0.5, lambda: pod.slow(3.0))
    during = visit(pod, 0.6, 1.0, cpu_s=0.1)
    env.run()
    assert (before.end_s, during.end_s) == pytest.approx((1.0, 3.6))
    assert pod.cpu_used_s() == pytest.approx(0.1 + 0.3)


@pytest.mark.parametrize("discipline", ["workers", "shared-cpu"])
def test_a_killed_pod_breaks_what_it_holds_and_refuses_what_comes(discipline: str) -> None:
    env = Clock()
    pod = WorkerPod(env, "a", workers=1) if discipline == "workers" else SharedCpuPod(env, "a", 1.0)
    done, cut, waiting = visit(pod, 0.0, 0.5, 0.1), visit(pod, 0.6, 1.0, 0.1), visit(pod, 0.7, 1.0, 0.1)
    env.after(1.0, pod.kill)
    env.run(until=1.5)
    assert (done.broken, cut.broken, waiting.broken) == (False, True, True)
    assert (cut.end_s, waiting.end_s) == (1.0, 1.0)
    assert pod.accept(Visit(env, 1.0)) == "refused"
    used_s = pod.cpu_used_s()
    env.run(until=9.0)
    assert pod.cpu_used_s() == used_s
    assert cut.end_s == 1.0


def test_a_pod_says_when_it_is_idle() -> None:
    env = Clock()
    pod = WorkerPod(env, "a", workers=1)
    visit(pod, 0.0, 1.0)
    visit(pod, 0.0, 1.0)
    env.run(until=0.5)
    idle = pod.when_idle()
    env.run(until=idle)
    assert env.now == 2.0


def test_shared_cpu_shares_the_limit_and_waits_alone() -> None:
    # two requests of 0.3 CPU seconds on half a core: 0.25 core each; then the other 0.7 s cost nothing
    env = Clock()
    pod = SharedCpuPod(env, "a", limit_cores=0.5)
    jobs = [visit(pod, 0.0, 1.0, cpu_s=0.3) for _ in range(2)]
    env.run(until=1.0)
    assert pod.cpu_used_s() == pytest.approx(0.5)
    env.run()
    assert [job.end_s for job in jobs] == pytest.approx([1.9, 1.9])
    assert pod.cpu_used_s() == pytest.approx(0.6)


def test_one_request_burns_one_core_at_most() -> None:
    env = Clock()
    pod = SharedCpuPod(env, "a", limit_cores=4.0)
    lonely = visit(pod, 0.0, 1.0, cpu_s=0.5)
    env.run()
    assert lonely.end_s == pytest.approx(1.0)
    unlimited = SharedCpuPod(Clock(), "b", limit_cores=None)
    jobs = [visit(unlimited, 0.0, 0.5, cpu_s=0.5) for _ in range(9)]
    unlimited.env.run()
    assert {job.end_s for job in jobs} == {0.5}


@given(
    st.lists(
        st.tuples(st.floats(0, 5), st.floats(0.001, 1), st.floats(0, 1)),
        min_size=1,
        max_size=15,
        unique_by=lambda t: t[0],
    ),
    st.floats(0.1, 3),
)
def test_shared_cpu_burns_all_it_is_asked_for_never_more_than_its_limit(
    visits: list[tuple[float, float, float]], limit: float
) -> None:
    env = Clock()
    pod = SharedCpuPod(env, "a", limit)
    jobs = [visit(pod, at_s, max(service_s, cpu_s), cpu_s) for at_s, service_s, cpu_s in visits]
    used = [0.0]
    for second in range(1, 40):
        env.run(until=float(second))
        used.append(pod.cpu_used_s())
    env.run()
    assert max(np.diff(used)) <= limit + 1e-9
    assert pod.cpu_used_s() == pytest.approx(sum(cpu_s for _, _, cpu_s in visits), abs=1e-9)
    for job, (at_s, service_s, cpu_s) in zip(jobs, visits, strict=True):
        assert job.end_s is not None
        assert job.end_s - at_s >= max(service_s, cpu_s) - 1e-9


@pytest.mark.parametrize("shape", ["constant", "exponential", "two-point"])
def test_processor_sharing_depends_on_the_mean_service_time_only(shape: str) -> None:
    # M/G/1-PS: mean sojourn = mean / (1 - load), whatever the distribution
    means = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        env = Clock()
        pod = SharedCpuPod(env, "a", 1.0)
        n = 1500
        arrivals = np.cumsum(rng.exponential(1 / 0.5, n)).tolist()
        cpu = {
            "constant": np.ones(n),
            "exponential": rng.exponential(1.0, n),
            "two-point": rng.choice([0.5, 3.0], n, p=[0.8, 0.2]),
        }[shape]
        jobs = [visit(pod, at_s, c, c) for at_s, c in zip(arrivals, cpu.tolist(), strict=True)]
        env.run()
        times = [(job.end_s or 0.0) - at_s for job, at_s in zip(jobs, arrivals, strict=True)]
        means.append(np.mean(times[200:]))
    half_width = 3.5 * np.std(means, ddof=1) / np.sqrt(len(means))  # 99 % of Student's t with 7 degrees of freedom
    assert np.mean(means) == pytest.approx(2.0, abs=half_width)
    assert half_width < 0.4


@pytest.mark.parametrize("discipline", ["workers", "shared-cpu"])
def test_a_job_whose_client_has_gone_can_be_dropped_and_the_others_gain(discipline: str) -> None:
    env = Clock()
    pod = WorkerPod(env, "a", workers=1) if discipline == "workers" else SharedCpuPod(env, "a", limit_cores=1.0)
    gone, stays = visit(pod, 0.0, 4.0, cpu_s=4.0), visit(pod, 0.0, 1.0, cpu_s=1.0)
    env.after(1.0, lambda: pod.drop(gone))
    env.run()
    assert gone.end_s is None
    # a worker is free at once; a shared CPU gave each half until then
    assert stays.end_s == pytest.approx(2.0 if discipline == "workers" else 1.5)


def test_a_pod_out_of_reach_answers_nobody_and_takes_nothing() -> None:
    env = Clock()
    pod = WorkerPod(env, "a", workers=1)
    lost = visit(pod, 0.0, 1.0)
    env.after(0.5, lambda: pod.set_reachable(reachable=False))
    env.run()
    assert (lost.end_s, lost.told) == (1.0, False)
    assert pod.accept(Visit(env, 1.0)) == "hangs"


def test_a_cold_pod_is_slow_for_what_starts_before_it_is_warm() -> None:
    env = Clock()
    pod = WorkerPod(env, "a", workers=9)
    pod.warm_up(3.0, 2.0)
    cold, warm = visit(pod, 1.9, 1.0), visit(pod, 2.0, 1.0)
    env.run()
    assert (cold.end_s, warm.end_s) == pytest.approx((4.9, 3.0))

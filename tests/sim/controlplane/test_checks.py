from __future__ import annotations

from balancer.policy.config import Backend, BackendSettings, HealthCheck, ProxyConfig
from sim.cluster import Cluster
from sim.controlplane.checks import CheckPlan, check_plans
from sim.streams import Streams
from tests.sim.controlplane.conftest import Bench, a_deployment, always

# a check every 2 s at 0.5, 2.5, 4.5, …; down after three bad ones, up after two good ones
PLAN = CheckPlan(interval_s=2.0, fall=3, rise=2, phases=always(0.25))


def checked(plan: CheckPlan = PLAN, proxies: int = 1) -> Bench:
    bench = Bench(plans={"live": plan}, proxies=proxies).begin(1)
    bench.run(10.0)
    return bench


def cut(bench: Bench, from_s: float, until_s: float) -> None:
    bench.clock.at(from_s, bench.zone.begin)
    bench.clock.at(until_s, bench.zone.end)


def test_while_all_is_well_no_check_is_played_out() -> None:
    assert Bench(plans={"live": PLAN}).begin(1).is_quiet()


def test_a_dead_pod_is_down_at_the_third_check_after_its_death() -> None:
    bench = checked()
    bench.api.shut()
    bench.pods.kill(bench.replica("live-1"))
    bench.run(60.0)
    assert bench.plane.since(0.0) == [(14.5, "down", "live-1@0")]
    assert bench.is_quiet()


def test_a_pod_out_of_reach_is_down_when_its_third_check_has_hung_for_an_interval() -> None:
    bench = checked()
    cut(bench, 10.0, 40.0)
    bench.run(30.0)
    # checks start at 10.5, 14.5 and 18.5: each hangs for 2 s, and the next one starts 2 s later
    assert bench.plane.since(0.0) == [(20.5, "down", "live-1@0")]


def test_a_pod_back_in_reach_is_up_at_its_second_good_check() -> None:
    bench = checked()
    cut(bench, 10.0, 30.0)
    bench.run(60.0)
    # those of the meantime started at 22.5 and 26.5
    assert bench.plane.since(0.0) == [(20.5, "down", "live-1@0"), (32.5, "up", "live-1@0")]


def test_fewer_bad_checks_than_fall_change_nothing_and_are_forgotten() -> None:
    bench = checked()
    cut(bench, 10.0, 18.0)  # bad at 10.5 and 14.5, good at 18.5
    cut(bench, 20.0, 26.0)  # bad at 20.5 and 24.5, good at 28.5
    bench.run(60.0)
    assert bench.plane.since(0.0) == []


def test_a_bad_check_between_good_ones_starts_the_count_to_rise_again() -> None:
    bench = checked()
    cut(bench, 10.0, 29.0)  # down at 20.5
    cut(bench, 31.0, 34.0)  # good at 30.5, bad at 32.5, good at 36.5 and 38.5
    bench.run(60.0)
    assert bench.plane.since(0.0) == [(20.5, "down", "live-1@0"), (38.5, "up", "live-1@0")]


def test_a_check_is_decided_by_the_state_of_the_pod_when_it_started() -> None:
    bench = checked()
    cut(bench, 10.0, 18.6)  # the third bad check starts at 18.5 and hangs until 20.5
    bench.run(60.0)
    assert bench.plane.since(0.0) == [(20.5, "down", "live-1@0"), (24.5, "up", "live-1@0")]


def test_each_proxy_finds_out_for_itself() -> None:
    phases = always(0.0)
    phases._drawn = [0.0, 0.25, 0.75] + [0.0] * 61
    bench = checked(CheckPlan(2.0, fall=1, rise=1, phases=phases), proxies=3)
    bench.api.shut()
    bench.pods.kill(bench.replica("live-1"))
    bench.run(60.0)
    assert bench.plane.since(0.0) == [
        (10.0, "down", "live-1@0"),
        (10.5, "down", "live-1@1"),
        (11.5, "down", "live-1@2"),
    ]


def test_a_drained_pod_is_forgotten() -> None:
    bench = checked()
    bench.pods.kill(bench.replica("live-1"))
    bench.run(60.0)
    assert [told[1:] for told in bench.plane.since(0.0)] == [("drain", "live-1"), ("add", "live-2")]


def test_a_check_that_hangs_when_its_server_is_drained_marks_nothing() -> None:
    bench = checked()
    cut(bench, 10.0, 60.0)
    bench.clock.at(19.0, lambda: bench.pods.scale(0))
    bench.run(50.0)
    assert bench.plane.since(0.0) == [(19.0, "drain", "live-1")]


def test_a_pod_that_cannot_be_reached_when_it_is_added_is_found_down() -> None:
    bench = checked()
    bench.pods.scale(2)
    cut(bench, 13.11, 40.0)  # between its readiness and its rotation
    bench.run(30.0)
    assert bench.plane.since(0.0) == [
        (13.12, "add", "live-2"),
        (24.5, "down", "live-1@0"),
        (24.5, "down", "live-2@0"),
    ]


def cluster_of(*settings: BackendSettings) -> Cluster:
    backends = tuple(Backend(f"be-{number}", each) for number, each in enumerate(settings))
    return Cluster(
        config=ProxyConfig("127.0.0.1", 80, backends=backends),
        deployment_of={backend.name: "live" for backend in backends},
        deployments=(a_deployment(),),
        replicas={"live": 2},
        autoscalers=(),
        addresses=("127.0.0.1",),
    )


def test_a_deployment_is_checked_as_its_first_backend_with_checks_says() -> None:
    off, on = HealthCheck(enabled=False), HealthCheck(interval_s=7.0, fall=5, rise=4)
    plan = check_plans(cluster_of(BackendSettings(check=off), BackendSettings(check=on)), Streams(1, 0))["live"]
    assert (plan.interval_s, plan.fall, plan.rise) == (7.0, 5, 4)


def test_a_deployment_without_checks_is_not_checked() -> None:
    assert check_plans(cluster_of(BackendSettings(check=HealthCheck(enabled=False))), Streams(1, 0)) == {}


def test_the_phase_of_a_pod_does_not_depend_on_who_was_asked_for_before() -> None:
    once, again = (check_plans(cluster_of(BackendSettings()), Streams(1, 0))["live"].phases for _ in range(2))
    late, early = once[640], [again[0], again[640]]
    assert late == early[1] != early[0]

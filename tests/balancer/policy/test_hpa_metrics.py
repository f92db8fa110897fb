"""Each rule of "Resource metric with averageUtilization" and its siblings in the HPA reference, by name."""

import pytest

from balancer.policy.hpa import Metric, PodSample, Sample
from balancer.policy.hpa_metrics import NoProposalError, Tolerance, propose

CPU60 = Metric("Resource", "cpu", utilization_percent=60)
NOW = 1000.0
TOLERANCE = Tolerance()


def pod(name: str, usage: int | None, **changes: object) -> PodSample:
    fields: dict[str, object] = {
        "ready_since_s": 0.0,
        "started_s": 0.0,
        "cpu_request_milli": 100,
        "cpu_usage_milli": usage,
        "sample_at_s": NOW,
        "window_s": 15.0,
    }
    return PodSample(name, **(fields | changes))  # type: ignore[arg-type]  # a table of fields


def sample(*pods: PodSample, replicas: int | None = None, **values: dict[str, int]) -> Sample:
    count = len(pods) if replicas is None else replicas
    return Sample(count, count, pods, **values)


def count(metric: Metric, seen: Sample) -> int:
    return propose(metric, seen, TOLERANCE, NOW)[0]


def test_ratio_is_of_the_truncated_utilization() -> None:
    # 200 of 300 is 66.67 %, truncated to 66: ratio exactly 1.1, inside the tolerance
    assert count(CPU60, sample(pod("a", 66), pod("b", 67), pod("c", 67))) == 3


def test_outside_the_tolerance_ready_pods_are_multiplied_and_rounded_up() -> None:
    assert count(CPU60, sample(pod("a", 90), pod("b", 90))) == 3
    assert count(CPU60, sample(pod("a", 20), pod("b", 20), pod("c", 20))) == 1


def test_it_multiplies_ready_pods_and_not_the_wished_for_count() -> None:
    assert count(CPU60, sample(pod("a", 120), pod("b", 120), replicas=5)) == 4


@pytest.mark.parametrize("usage", [54, 66])
def test_both_ends_of_the_tolerance_hold(usage: int) -> None:
    assert count(CPU60, sample(pod("a", usage), pod("b", usage))) == 2


@pytest.mark.parametrize("changes", [{"deleting": True}, {"phase": "Failed"}])
def test_pods_on_their_way_out_are_ignored_with_their_metric(changes: dict[str, object]) -> None:
    assert count(CPU60, sample(pod("a", 120), pod("gone", 0, **changes))) == 2


def test_a_pending_pod_counts_as_idle_when_scaling_up() -> None:
    # 180 of two requests is 90 %; with the pending pod at 0 it is 60 %: held
    assert count(CPU60, sample(pod("a", 90), pod("b", 90), pod("new", None, phase="Pending"))) == 3


def test_a_pending_pod_is_left_out_when_scaling_down() -> None:
    assert count(CPU60, sample(pod("a", 20), pod("b", 20), pod("new", None, phase="Pending"))) == 1


def test_a_missing_metric_counts_as_nothing_when_scaling_up() -> None:
    # 2 x 120 of 3 x 100: 80 %, ratio 1.33 over 3 pods
    assert count(CPU60, sample(pod("a", 120), pod("b", 120), pod("lost", None))) == 4


def test_a_missing_metric_counts_as_a_full_request_when_scaling_down() -> None:
    # 10 + 10 + 100 of 300: 40 %, ratio 0.67 over 3 pods
    assert count(CPU60, sample(pod("a", 10), pod("b", 10), pod("lost", None))) == 2


def test_a_missing_metric_counts_as_the_target_when_that_is_above_the_request() -> None:
    # target 150 %: the lost pod counts as 150; (60 + 60 + 150) / 300 = 90 %, ratio 0.6
    metric = Metric("Resource", "cpu", utilization_percent=150)
    assert count(metric, sample(pod("a", 60), pod("b", 60), pod("lost", None))) == 2


def test_guesses_that_turn_the_direction_around_hold() -> None:
    # 70 % asks for more; two lost pods at 0 bring it to 23 %, which would ask for fewer
    assert count(CPU60, sample(pod("a", 70), pod("lost", None), pod("lost2", None))) == 3


def test_a_count_against_its_own_direction_holds() -> None:
    # ratio 1.5 over the 2 pods with a metric asks for 3, but 5 are wished for
    assert count(CPU60, sample(pod("a", 120), pod("b", 60), pod("c", None, phase="Pending"), replicas=9)) == 9


@pytest.mark.parametrize(
    ("changes", "unready"),
    [
        ({"ready": None}, True),
        ({"started_s": None}, True),
        ({"started_s": NOW - 100, "ready": False, "ready_since_s": NOW - 90}, True),
        ({"started_s": NOW - 100, "ready_since_s": NOW - 10}, True),  # sample older than ready + window
        ({"started_s": NOW - 100, "ready_since_s": NOW - 15}, False),
        ({"started_s": NOW - 300, "ready_since_s": NOW - 1}, False),  # past the five minutes
        ({"started_s": NOW - 400, "ready": False, "ready_since_s": NOW - 380}, True),  # never was ready
        ({"started_s": NOW - 400, "ready": False, "ready_since_s": NOW - 370}, False),  # was ready once
    ],
)
def test_cpu_of_a_starting_pod_does_not_count(changes: dict[str, object], unready: bool) -> None:
    # counted: (120 + 120) / 200 = 120 %, ratio 2, four pods; unready: 120 % of one pod, refilled to 60 %: held at 2
    expected = 2 if unready else 4
    assert count(CPU60, sample(pod("a", 120), pod("b", 120, **changes))) == expected


def test_only_pods_with_a_metric_enter_the_utilization() -> None:
    with pytest.raises(NoProposalError, match="no metrics"):
        count(CPU60, sample(pod("a", None), pod("b", None)))


def test_a_pod_without_request_makes_the_metric_unusable() -> None:
    with pytest.raises(NoProposalError, match="missing request for cpu in pod b"):
        count(CPU60, sample(pod("a", 90), pod("b", 90, cpu_request_milli=None)))


def test_no_pods_make_the_metric_unusable() -> None:
    with pytest.raises(NoProposalError, match="no pods"):
        count(CPU60, sample(replicas=2))


def test_an_average_value_is_truncated_before_the_ratio() -> None:
    metric = Metric("Resource", "cpu", average_milli=10)
    assert count(metric, sample(pod("a", 11), pod("b", 12))) == 2  # 23 / 2 = 11, ratio 1.1
    assert count(metric, sample(pod("a", 12), pod("b", 12))) == 3


def test_a_missing_pods_metric_counts_as_the_target_when_scaling_down() -> None:
    metric = Metric("Pods", "rps", average_milli=1000)
    pods = (pod("a", None, metrics={"rps": 100}), pod("b", None, metrics={"rps": 100}), pod("lost", None))
    assert count(metric, sample(*pods)) == 2  # (100 + 100 + 1000) / 3 = 400, ratio 0.4 over 3


@pytest.mark.parametrize("kind", ["Object", "External"])
def test_a_value_multiplies_running_and_ready_pods(kind: str) -> None:
    metric = Metric(kind, "queue", value_milli=100)  # type: ignore[arg-type]  # one of the two kinds
    pods = (pod("a", 1), pod("b", 1), pod("c", 1, ready=False))
    assert count(metric, sample(*pods, external={"queue": 150}, object={"queue": 150})) == 3
    assert count(metric, sample(*pods, external={"queue": 110}, object={"queue": 110})) == 3  # held at spec


def test_a_value_from_zero_replicas_needs_no_pods() -> None:
    assert count(Metric("External", "queue", value_milli=100), sample(external={"queue": 250})) == 3


def test_an_average_of_an_external_metric_divides_by_the_target() -> None:
    metric = Metric("External", "queue", average_milli=100)
    pods = (pod("a", 1), pod("b", 1))
    assert count(metric, sample(*pods, external={"queue": 450})) == 5
    assert count(metric, sample(*pods, external={"queue": 215})) == 2  # ratio 1.075: held at status


def test_an_external_metric_without_value_is_unusable() -> None:
    with pytest.raises(NoProposalError, match="no value"):
        count(Metric("External", "queue", value_milli=1), sample(pod("a", 1)))

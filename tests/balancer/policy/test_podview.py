import pytest

from balancer.policy.hpa import PodSample
from balancer.policy.podview import Reading, Readings, deletion_rank, next_readings, pod_sample


def sample(readings: Readings | None, ready_since_s: float | None = 5.0) -> PodSample:
    return pod_sample(
        "web-1",
        started_s=2.0,
        ready_since_s=ready_since_s,
        deleting=False,
        cpu_request_milli=100,
        readings=readings,
    )


def test_usage_is_the_average_between_the_last_two_readings() -> None:
    readings = next_readings(next_readings(next_readings(None, Reading(0, 9.0)), Reading(15, 10.0)), Reading(30, 13.0))
    seen = sample(readings)
    assert (seen.cpu_usage_milli, seen.sample_at_s, seen.window_s) == (200, 30, 15)


@pytest.mark.parametrize("readings", [None, Readings(Reading(15, 1.0))])
def test_before_its_second_reading_a_pod_has_no_usage(readings: Readings | None) -> None:
    assert sample(readings).cpu_usage_milli is None


def test_a_pod_that_never_was_ready_is_unready_since_its_start() -> None:
    seen = sample(None, ready_since_s=None)
    assert (seen.ready, seen.ready_since_s, seen.phase) == (False, 2.0, "Running")


def test_scale_down_takes_unready_then_youngest_readiness_by_bucket_then_youngest() -> None:
    pods = {"old": (0.0, 1.0), "teen": (90.0, 2.0), "twin": (91.0, 3.0), "new": (99.0, 4.0), "unready": (None, 5.0)}
    order = sorted(pods, key=lambda name: deletion_rank(*pods[name], now_s=100.0))
    assert order == ["unready", "new", "twin", "teen", "old"]  # ages 100; 10 and 9 share a bucket; 1

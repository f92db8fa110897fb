"""What metrics-server and the controllers make of a pod, alike for the model and for pods that are processes."""

from __future__ import annotations

from dataclasses import dataclass

from balancer.policy.hpa import PodSample

# The HPA syncs this long after its grid, so that a scrape due at the same moment has been taken.
SYNC_OFFSET_S = 0.2


@dataclass(frozen=True)
class Reading:
    """CPU seconds a pod had used in all at `at_s`."""

    at_s: float
    cpu_s: float


@dataclass(frozen=True)
class Readings:
    """The last two readings of a pod: its usage is the average between them, and a first one alone gives none."""

    last: Reading
    before: Reading | None = None

    def followed_by(self, reading: Reading) -> Readings:
        """With a newer reading."""
        return Readings(reading, self.last)


def next_readings(readings: Readings | None, reading: Reading) -> Readings:
    """The readings of a pod after a scrape; None stands for a pod that was not there before."""
    return Readings(reading) if readings is None else readings.followed_by(reading)


def pod_sample(
    name: str,
    *,
    started_s: float | None,
    ready_since_s: float | None,
    deleting: bool,
    cpu_request_milli: int | None,
    readings: Readings | None,
) -> PodSample:
    """The pod as the HPA sees it. A pod that was never ready has been unready since its start."""
    usage = window_s = None
    if readings is not None and readings.before is not None:
        window_s = readings.last.at_s - readings.before.at_s
        usage = round(1000 * (readings.last.cpu_s - readings.before.cpu_s) / window_s)
    return PodSample(
        name=name,
        phase="Pending" if started_s is None else "Running",
        deleting=deleting,
        ready=ready_since_s is not None,
        ready_since_s=started_s if ready_since_s is None else ready_since_s,
        started_s=started_s,
        cpu_request_milli=cpu_request_milli,
        cpu_usage_milli=usage,
        sample_at_s=readings.last.at_s if readings is not None and usage is not None else None,
        window_s=window_s or 0.0,
    )


def deletion_rank(ready_since_s: float | None, created_s: float, now_s: float) -> tuple[bool, int, float]:
    """Sort key of a scale-down's victims: not ready first, then younger readiness by log2 buckets, then younger.

    Source: Kubernetes, controller_utils.go, ActivePodsWithRanks.
    """
    age_s = 0.0 if ready_since_s is None else now_s - ready_since_s
    return ready_since_s is not None, int(age_s).bit_length(), -created_s

"""The consequences at the end of the HPA reference: how long a step to 20x takes."""

import pytest

from balancer.policy.hpa import HpaSpec, Memory, Metric, PodSample, Sample
from balancer.policy.hpa_decide import decide

REQUEST = 1000
SYNC_S = 15.0


def step_to_20x(target: int, limit_ratio: float = 1.0, *, two_scrapes: bool = False) -> list[int]:
    """Replica counts at each sync of a Deployment of 2 fully used pods whose load grows twentyfold at once.

    A pod uses its share of the load, at most its limit; new pods serve at once. `two_scrapes`: a new pod has
    no CPU figure until its second scrape.
    """
    load = 20 * 2 * REQUEST if not two_scrapes else 20 * 2 * REQUEST * target / 100
    born = [-1e6, -1e6]
    counts, memory = [2], Memory()
    for k in range(1, 16):
        now_s = k * SYNC_S
        usage = int(min(load / len(born), REQUEST * limit_ratio))
        pods = tuple(
            PodSample(
                str(i),
                ready_since_s=start,
                started_s=start if two_scrapes else -1e6,
                cpu_request_milli=REQUEST,
                cpu_usage_milli=usage if not two_scrapes or now_s - start >= 2 * SYNC_S else None,
                sample_at_s=now_s,
                window_s=SYNC_S,
            )
            for i, start in enumerate(born)
        )
        spec = HpaSpec(2, 100, (Metric("Resource", "cpu", utilization_percent=target),))
        decision = decide(spec, memory, Sample(len(born), len(born), pods), now_s)
        memory = decision.memory
        born += [now_s] * (decision.desired - len(born))
        counts.append(decision.desired)
    return counts


@pytest.mark.parametrize(("target", "limit_ratio", "syncs"), [(50, 1.0, 5), (70, 1.0, 8), (80, 1.0, 12), (70, 2.0, 5)])
def test_syncs_until_a_twentyfold_load_has_its_pods(target: int, limit_ratio: float, syncs: int) -> None:
    counts = step_to_20x(target, limit_ratio)
    enough = next(k for k, count in enumerate(counts) if count >= 40)
    assert enough == syncs


def test_cpu_that_needs_two_scrapes_scales_every_other_sync() -> None:
    assert step_to_20x(70, two_scrapes=True)[:12] == [2, 3, 3, 5, 5, 8, 8, 12, 12, 18, 18, 26]

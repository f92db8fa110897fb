"""What makes a run say nothing about the product."""

from typing import Any

import pytest

from loadgen.validity import judge
from scenarios.outcome import Validity


def judged(**changes: Any) -> Validity:
    sound: dict[str, Any] = {
        "planned": 1000,
        "sent": 1000,
        "lag_p99_s": 0.002,
        "generator_cores": 0.3,
        "proxy_cores": 0.1,
        "pods_cores": 0.5,
        "machine_busy_ratio": 0.5,
        "ended_early": None,
        "surprises": [],
    }
    return judge(**{**sound, **changes})


def test_a_sound_run_is_valid_without_reasons() -> None:
    verdict = judged()
    assert (verdict.verdict, verdict.reasons) == ("valid", ())
    assert verdict.machine_cores >= 1


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({"lag_p99_s": 0.0051}, "degraded", "late by 5.1 ms"),
        ({"lag_p99_s": 0.051}, "invalid", "late by 51.0 ms"),
        ({"sent": 998}, "invalid", "998 of 1000"),
        ({"machine_busy_ratio": 0.86}, "degraded", "86% busy"),
        ({"machine_busy_ratio": 0.98}, "invalid", "98% busy"),
        ({"generator_cores": 0.95}, "degraded", "0.95 of the one core"),
        ({"ended_early": "interrupted"}, "invalid", "interrupted"),
        ({"surprises": ["pod web-1 died"]}, "degraded", "pod web-1 died"),
    ],
)
def test_each_bottleneck_is_named(changes: dict[str, Any], verdict: str, reason: str) -> None:
    judgement = judged(**changes)
    assert judgement.verdict == verdict
    assert reason in judgement.reasons[0]


def test_the_worst_reason_decides_and_stands_first() -> None:
    judgement = judged(surprises=["pod web-1 died"], sent=10)
    assert judgement.verdict == "invalid"
    assert [reason[:2] for reason in judgement.reasons] == ["10", "po"]


def test_a_killed_generator_leaves_figures_that_are_not_known() -> None:
    judgement = judged(lag_p99_s=None, generator_cores=None, ended_early="the load generator died")
    assert judgement.verdict == "invalid"
    assert judgement.dispatch_lag_p99_s is None

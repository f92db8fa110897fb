"""What makes a run say nothing about the product, each named with its figure."""

from typing import Any

import pytest

from loadgen.validity import Around, judge
from scenarios.outcome import Validity

QUIET = Around(proxy_cores=0.1, pods_cores=0.5, machine_busy_ratio=0.5)


def stats(**changes: Any) -> dict[str, Any]:
    worker = {"share": 0, "of": 1, "host": "a", "planned": 1000, "sent": 1000, "cpu_s": 3.0, "wall_s": 10.0}
    worker |= {"dispatch_lag_p99_s": 0.002, "lost_at_s": None}
    machine = {"machine_busy_ratio": 0.5, "descriptors_max": 50, "descriptors_limit": 20_000, "ports_used_max": 40}
    machine |= {"ports_limit": 28_232, "clock_step_s": 1e-5, "suspended_s": 0.0, "loop_gap_max_s": 0.26}
    sound: dict[str, Any] = {
        "dispatch_lag_p99_s": 0.002,
        "dropped_outstanding": 0,
        "outstanding_limit": 15_000,
        "own_errors": {"ports": 0, "descriptors": 0, "other": 0},
        "cpu_s": 3.0,
        "wall_s": 10.0,
        "aborted": None,
        "workers": [worker | changes.pop("worker", {})],
        "machine": machine | changes.pop("machine", {}),
        "clock_uncertainty_s": 0.0,
    }
    return sound | changes


def test_a_sound_run_is_valid_without_reasons() -> None:
    verdict = judge(1000, 1000, stats(), QUIET)
    assert (verdict.verdict, verdict.reasons) == ("valid", ())
    assert verdict.generator_cores == pytest.approx(0.3)
    assert verdict.machine_cores >= 1


@pytest.mark.parametrize(
    ("seen", "around", "verdict", "named"),
    [
        ({"dispatch_lag_p99_s": 0.006}, QUIET, "degraded", "late by 6.0 ms"),
        ({"dispatch_lag_p99_s": 0.051}, QUIET, "invalid", "late by 51.0 ms"),
        ({"worker": {"cpu_s": 9.5}}, QUIET, "degraded", "0.95 of the one core"),
        ({}, Around(0.1, 0.5, 0.9), "degraded", "machine was 90% busy"),
        ({}, Around(0.1, 0.5, 0.98), "invalid", "machine was 98% busy"),
        (
            {"own_errors": {"ports": 3, "descriptors": 0}},
            QUIET,
            "degraded",
            "3 requests never left: this machine's ports",
        ),
        ({"own_errors": {"ports": 0, "descriptors": 2}}, QUIET, "degraded", "file descriptors were used up"),
        ({"machine": {"ports_used_max": 28_000}}, QUIET, "degraded", "28000 of 28232 ephemeral ports"),
        ({"machine": {"descriptors_max": 19_000}}, QUIET, "degraded", "19000 of 20000 file descriptors"),
        ({"dropped_outstanding": 7}, QUIET, "degraded", "7 requests were not sent, 15000 being outstanding"),
        ({"machine": {"clock_step_s": 3.0}}, QUIET, "invalid", "clock jumped by 3.000 s"),
        ({"machine": {"suspended_s": 60.0}}, QUIET, "invalid", "suspended for 60.0 s"),
        ({"machine": {"loop_gap_max_s": 1.5}}, QUIET, "degraded", "stood still for 1.5 s"),
        ({"machine": {"loop_gap_max_s": 2.5}}, QUIET, "invalid", "stood still for 2.5 s"),
        ({"worker": {"of": 2, "lost_at_s": 4.2}}, QUIET, "invalid", "worker 1 of 2 on a was lost 4.2 s"),
        ({"aborted": "given up 9 s into"}, QUIET, "invalid", "given up"),
        ({"clock_uncertainty_s": 0.02}, QUIET, "degraded", "clock is known to 20.0 ms"),
        ({}, Around(0.1, 0.5, 0.5, ended_early="interrupted"), "invalid", "interrupted"),
        ({}, Around(0.1, 0.5, 0.5, surprises=["a pod died"]), "degraded", "a pod died"),
    ],
)
def test_each_trouble_has_its_verdict_and_its_reason(
    seen: dict[str, Any], around: Around, verdict: str, named: str
) -> None:
    judged = judge(1000, 1000, stats(**seen), around)
    assert judged.verdict == verdict
    assert len(judged.reasons) == 1
    assert named in judged.reasons[0]


@pytest.mark.parametrize(("sent", "verdict"), [(999, "valid"), (998, "invalid")])
def test_a_thousandth_of_the_plan_may_be_missing(sent: int, verdict: str) -> None:
    assert judge(1000, sent, stats(), QUIET).verdict == verdict


def test_the_gravest_reasons_come_first() -> None:
    judged = judge(1000, 500, stats(dispatch_lag_p99_s=0.01), QUIET)
    assert judged.verdict == "invalid"
    assert [reason.split()[0] for reason in judged.reasons] == ["500", "the"]


def test_a_generator_that_was_killed_before_it_could_say_anything_leaves_a_verdict() -> None:
    judged: Validity = judge(1000, 10, {}, Around(0.0, 0.0, 0.1, ended_early="killed"))
    assert (judged.verdict, judged.generator_cores) == ("invalid", None)

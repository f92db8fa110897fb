"""One who sends, and what the run's stats say of it. A crew of one at work: tests/integration/test_openloop.py."""

import numpy as np
import pytest

from loadgen.crew import Member


def test_a_members_stats_are_its_own() -> None:
    member = Member(1, 3, "there", 100, cpu_s=0.5, wall_s=2.0)
    member.counts.sent = 99
    member.lag.add(np.array([0.001] * 98 + [0.5] * 2))
    stats = member.stats()
    assert stats.pop("dispatch_lag_p99_s") == pytest.approx(0.5, rel=0.005)
    assert stats == {
        "share": 1,
        "of": 3,
        "host": "there",
        "planned": 100,
        "sent": 99,
        "cpu_s": 0.5,
        "wall_s": 2.0,
        "lost_at_s": None,
    }


def test_before_its_first_request_there_is_no_lag() -> None:
    assert Member(0, 1, "here", 0).stats()["dispatch_lag_p99_s"] is None

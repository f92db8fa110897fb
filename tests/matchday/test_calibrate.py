from pathlib import Path

import numpy as np
import pytest

from balancer.haproxy.log import LogLine
from loadgen.records import Attempt
from matchday.calibrate import Answered, plan_load
from scenarios.load import load_scenario
from scenarios.traffic import PhaseSpan, Schedule, build_schedule

QUICK = load_scenario(Path(__file__).parents[2] / "scenarios" / "quick")


def line(**timers: int) -> LogLine:
    fields = {"request_ms": 0, "tw_ms": 0, "tc_ms": 0, "tr_ms": 60, "ta_ms": 61} | timers
    return LogLine(
        accepted_s=0.0, request_id="0-0", client="127.0.0.1", frontend="http", backend="b", server="s", status=200, bytes=1,
        termination="--", actconn=1, feconn=1, beconn=1, srv_conn=1, retries=0, srv_queue=0, backend_queue=0, refused=None,
        method="GET", host="tv.example", path="/live", **fields,
    )  # fmt: skip


def answered(latency_s: float, log: LogLine) -> Answered:
    return Answered(Attempt(0, 0, 0, 10.0, 10.001, 10.0 + latency_s, 200, "", True, 1), "/live", log)


def test_the_slot_is_what_the_proxy_timed_and_the_rest_is_outside() -> None:
    found = answered(0.0700, line(ta_ms=61))
    assert found.service_s == pytest.approx(0.0615)  # half a millisecond for the cut-off
    assert found.outside_s == pytest.approx(0.0085)


def test_waiting_for_a_slot_is_neither() -> None:
    found = answered(0.1700, line(ta_ms=161, tw_ms=100))
    assert found.service_s == pytest.approx(0.0615)
    assert found.outside_s == pytest.approx(0.0085)


def test_slot_wait_and_outside_add_up_to_the_clients_latency() -> None:
    found = answered(0.1234, line(ta_ms=120, tw_ms=31, request_ms=2))
    assert found.service_s + found.outside_s + 0.031 == pytest.approx(0.1234)


def test_calibration_uses_the_base_rate_for_as_long_as_the_precision_needs() -> None:
    plan = plan_load(QUICK.scenario, build_schedule(QUICK, 1))
    assert plan.rate_rps == pytest.approx(12, rel=0.2)
    # cv 0.5 to 2 %: 625 requests
    assert plan.duration_s == pytest.approx(min(60, 625 / plan.rate_rps))


def test_a_busy_base_needs_only_a_quarter_of_a_minute() -> None:
    schedule = Schedule(
        np.arange(0, 10, 0.001),
        np.zeros(10_000, dtype=np.int32),
        np.zeros(10_000, dtype=np.int64),
        np.zeros(10_000, dtype=np.int32),
        (PhaseSpan("all", 0.0, 10.0, surge=True),),
        10.0,
    )
    plan = plan_load(QUICK.scenario, schedule)
    assert plan.duration_s == 15.0
    assert plan.error < 0.005

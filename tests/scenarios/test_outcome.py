import json

import pytest
from pydantic import ValidationError

from scenarios.outcome import (
    FAILURE_KINDS,
    Failures,
    Interval,
    Latency,
    Outcome,
    PhaseOutcome,
    ReplicaChange,
    Series,
    SloOutcome,
)

NOTHING_FAILED = Failures(**dict.fromkeys(FAILURE_KINDS, 0.0))
TOTAL = PhaseOutcome(
    name="total",
    start_s=0.0,
    end_s=10.0,
    surge=False,
    offered_rps=Interval(value=12.0, low=11.0, high=13.0),
    goodput_rps=12.0,
    success_ratio=None,
    failures=NOTHING_FAILED,
    latency_s=Latency(mean=None, p50=None, p90=None, p95=None, p99=None, p999=None, max=None),
)
EMPTY = Series(
    bucket_s=1.0,
    **dict.fromkeys(("time_s", "offered_rps", "goodput_rps", "p50_s", "p95_s", "p99_s", "queued", "in_flight"), ()),
)
OUTCOME = Outcome(
    kind="predicted",
    scenario="quick",
    scenario_sha256="0" * 64,
    seed=1,
    replications=20,
    created_at="2026-07-10T12:00:00+00:00",
    matchday_version="0.1.0",
    total=TOTAL,
    phases=(TOTAL,),
    series=EMPTY,
    replicas=(ReplicaChange(time_s=0.0, desired=2.0, ready=2.0, in_rotation=2.0),),
    recovery_s=None,
    slo=SloOutcome(p99_s=None, success_ratio=1.0, met=True),
)


def test_every_kind_of_failure_has_its_figure() -> None:
    assert tuple(Failures.model_fields) == FAILURE_KINDS


def test_an_outcome_is_read_as_it_was_written() -> None:
    text = OUTCOME.model_dump_json(indent=1)
    assert Outcome.model_validate_json(text) == OUTCOME
    data = json.loads(text)
    assert data["schema"] == "matchday/outcome/v1"
    assert data["total"]["offered_rps"] == {"value": 12.0, "low": 11.0, "high": 13.0}
    assert data["total"]["goodput_rps"] == 12.0
    assert data["recovery_s"] is None


def test_an_outcome_with_a_key_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError):
        Outcome.model_validate_json(OUTCOME.model_dump_json().replace('"seed"', '"sede"'))

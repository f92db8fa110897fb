from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from scenarios.disturbances import (
    ApiOutageDisturbance,
    Disturbance,
    KillDisturbance,
    MetricsOutageDisturbance,
    ReloadDisturbance,
    RolloutDisturbance,
    SlowDisturbance,
    ZoneDisturbance,
)

DISTURBANCE = TypeAdapter[Disturbance](Disturbance)
KINDS: dict[type, dict[str, object]] = {
    KillDisturbance: {"kill": 2},
    SlowDisturbance: {"slow": {"factor": 3, "duration": "5s"}},
    ZoneDisturbance: {"zone": {"duration": "1m"}},
    ReloadDisturbance: {"reload": True},
    MetricsOutageDisturbance: {"metrics_outage": "30s"},
    ApiOutageDisturbance: {"api_outage": "30s"},
    RolloutDisturbance: {"rollout": "live"},
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_key_beside_at_says_what_happens(kind: type) -> None:
    disturbance = DISTURBANCE.validate_python({"at": "10s", **KINDS[kind]})
    assert type(disturbance) is kind
    assert disturbance.at == 10.0


def test_outages_last_for_seconds() -> None:
    zone = DISTURBANCE.validate_python({"at": 0, "zone": {"duration": "1m"}})
    assert isinstance(zone, ZoneDisturbance)
    assert zone.zone.duration == 60.0
    outage = DISTURBANCE.validate_python({"at": 0, "api_outage": "1500ms"})
    assert isinstance(outage, ApiOutageDisturbance)
    assert outage.api_outage == 1.5


@pytest.mark.parametrize(
    "content",
    [
        {"kill": 1, "rollout": "live"},
        {"reload": False},
        {"reload": "true"},
        {"metrics_outage": "0s"},
        {"api_outage": "-1s"},
        {"zone": {"duration": 0}},
        {"zone": "30s"},
        {"rollout": ""},
        {},
    ],
)
def test_what_is_no_disturbance_or_two_is_refused(content: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DISTURBANCE.validate_python({"at": "10s", **content})

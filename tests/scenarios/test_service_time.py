from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from scenarios.service_time import ConstantTime, ExponentialTime, LogNormalTime, ServiceTime, mean_s

TIME = TypeAdapter[ServiceTime](ServiceTime)


@pytest.mark.parametrize(
    ("content", "kind", "mean"),
    [
        ({"constant": "40ms"}, ConstantTime, 0.04),
        ({"exponential": {"mean": "2s"}}, ExponentialTime, 2.0),
        ({"lognormal": {"mean": "1m", "cv": 0.6}}, LogNormalTime, 60.0),
    ],
)
def test_each_distribution_is_told_by_its_name_and_has_its_mean(content: object, kind: type, mean: float) -> None:
    time = TIME.validate_python(content)
    assert type(time) is kind
    assert mean_s(time) == mean


@pytest.mark.parametrize(
    "content",
    [
        {"constant": "-40ms"},
        {"constant": "0s"},
        {"exponential": {"mean": ".nan"}},
        {"lognormal": {"mean": "1s", "cv": float("nan")}},
        {"lognormal": {"mean": "1s", "cv": float("inf")}},
        {"lognormal": {"mean": "1s", "cv": -1}},
    ],
)
def test_a_time_that_cannot_pass_is_refused(content: object) -> None:
    with pytest.raises(ValidationError):
        TIME.validate_python(content)

from __future__ import annotations

import numpy as np
import pytest

from scenarios.traffic import PhaseSpan, Schedule
from sim.streams import Streams
from sim.weather import Weather
from sim.workload import Behaviour, RequestBehaviour


def constant(value: float) -> RequestBehaviour:
    return RequestBehaviour(lambda u: value * (1 + 0 * u), cpu_s=0.002)


def weather(seed: int = 1, n: int = 6) -> Weather:
    zero = constant(0.0).service
    behaviour = Behaviour((constant(0.05), constant(0.001)), lambda u: u / 100, zero, zero, zero, 0.0)
    schedule = Schedule(
        np.linspace(0.0, 0.1 * n, n, endpoint=False),
        np.arange(n, dtype=np.int32) % 2,
        np.zeros(n, np.int64),
        np.zeros(n, np.int32),
        (PhaseSpan("all", 0.0, 1.0, surge=True),),
        1.0,
    )
    return Weather(Streams(seed, 0), schedule, behaviour)


def test_each_request_draws_from_its_own_path_and_never_less_than_its_cpu() -> None:
    assert weather().service_s.row(0) == pytest.approx([0.05, 0.002] * 3)
    assert weather().cpu_s == [0.002, 0.002]


def test_attempts_and_causes_have_numbers_of_their_own() -> None:
    drawn = weather()
    assert drawn.outside_s.row(0) != drawn.outside_s.row(1)
    assert all(0.5 <= factor < 1.5 for factor in drawn.backoff.row(0))


def test_the_weather_does_not_change_with_what_else_is_asked() -> None:
    one, other = weather(), weather()
    other.draws(3, 2, 5)
    other.service_s.row(4)
    assert one.outside_s.row(1) == other.outside_s.row(1)
    assert one.draws(0, 4, 2) == other.draws(0, 4, 3)[:2]
    assert one.draws(0, 4, 2) != weather(seed=2).draws(0, 4, 2)
    assert all(0 <= draw < 2**32 for draw in one.draws(1, 0, 8))

from __future__ import annotations

import numpy as np
import pytest

from sim.kinds import Kind
from sim.streams import Streams
from sim.weather import Weather
from sim.workload import Behaviour, PathBehaviour, constant, empirical


def kind(service_s: float) -> Kind:
    return Kind("h", "/", 1.0, 0, 0.1, PathBehaviour(constant(service_s), 0.002), (), parallel=False, is_call=False)


def weather(seed: int = 1) -> Weather:
    zero = constant(0.0)
    return Weather(Streams(seed, 0), Behaviour({}, empirical(np.linspace(0.0, 0.01, 50)), zero, zero, zero, 0.0))


def test_a_service_time_is_never_less_than_the_requests_cpu() -> None:
    assert weather().service_s(kind(0.05), 3, 0) == 0.05
    assert weather().service_s(kind(0.001), 3, 0) == 0.002


def test_attempts_and_requests_have_numbers_of_their_own() -> None:
    drawn = weather()
    assert len({drawn.outside_s(who, number) for who in range(10) for number in range(3)}) == 30
    assert all(0.5 <= drawn.backoff(who, 0) < 1.5 for who in range(100))
    assert np.mean([drawn.backoff(who, 0) for who in range(4000)]) == pytest.approx(1.0, abs=0.02)


def test_the_weather_does_not_change_with_what_else_is_asked() -> None:
    one, other = weather(), weather()
    other.draws(2, 3, 5)
    assert one.outside_s(4, 1) == other.outside_s(4, 1)
    assert one.draws(4, 0, 2) == other.draws(4, 0, 3)[:2]
    assert one.draws(4, 0, 2) != weather(seed=2).draws(4, 0, 2)
    assert all(0 <= draw < 2**32 for draw in one.draws(0, 1, 8))


def test_a_kept_connection_stays_at_its_proxy_and_new_ones_spread() -> None:
    drawn = weather()
    assert len({drawn.proxy_of_client(7, 3) for _ in range(5)}) == 1
    shares = np.bincount([drawn.proxy_of_attempt(who, 0, 3) for who in range(3000)]) / 3000
    assert shares == pytest.approx([1 / 3] * 3, abs=0.04)

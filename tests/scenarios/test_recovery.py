"""Recovery: from the end of the last surge phase until the objective holds for good."""

import numpy as np

from scenarios.figures import Requests
from scenarios.recovery import recovery_s
from scenarios.schema import Slo
from scenarios.traffic import PhaseSpan

SLO = Slo.model_validate({"p99": "400ms", "success": "95%"})
PHASES = (
    PhaseSpan("calm", 0.0, 10.0, False),
    PhaseSpan("surge", 10.0, 20.0, True),
    PhaseSpan("after", 20.0, 30.0, False),
)


def served(slow: tuple[int, ...] = (), failing: tuple[int, ...] = (), silent: tuple[int, ...] = ()) -> Requests:
    """Ten requests a second; seconds listed are slow, failing or without requests."""
    seconds = np.repeat([s for s in range(30) if s not in silent], 10)
    intended_s = seconds + np.tile(np.arange(10) / 10, len(seconds) // 10)
    return Requests(
        intended_s,
        np.where(np.isin(seconds, slow), 2.0, 0.1),
        np.where(np.isin(seconds, failing), 1, 0).astype(np.int8),
    )


def test_recovery_is_zero_when_the_objective_holds_as_the_surge_ends() -> None:
    assert recovery_s(served(slow=(12, 19), failing=(15,)), PHASES, SLO) == 0.0


def test_recovery_ends_after_the_last_bad_second_even_if_good_ones_came_before() -> None:
    assert recovery_s(served(slow=(20, 24)), PHASES, SLO) == 5.0


def test_failures_delay_recovery_as_slowness_does() -> None:
    assert recovery_s(served(failing=(20, 21)), PHASES, SLO) == 2.0


def test_recovery_never_came_when_the_last_second_is_bad() -> None:
    assert recovery_s(served(slow=(29,)), PHASES, SLO) is None


def test_seconds_without_requests_say_nothing() -> None:
    assert recovery_s(served(slow=(21,), silent=(20, 22, 29)), PHASES, SLO) == 2.0


def test_without_a_surge_there_is_nothing_to_recover_from() -> None:
    assert recovery_s(served(), PHASES[:1], SLO) is None


def test_a_schedule_that_ends_with_its_surge_has_recovered_at_once() -> None:
    assert recovery_s(served(slow=(15,)), PHASES[:2], SLO) == 0.0

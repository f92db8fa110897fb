import pytest

from matchday.compare import compare
from scenarios.errors import ScenarioError
from tests.matchday.compare.synthetic import measured, predicted


def test_the_headline_is_the_worst_surge_phase() -> None:
    comparison = compare(predicted(), measured())
    assert comparison.summary is not None
    surge = next(phase for phase in comparison.phases if phase.surge)
    p95 = surge.figure("latency_s.p95")
    assert p95.relative_error is not None
    assert comparison.summary.p95_error_ratio == abs(p95.relative_error)
    assert [s.phase for s in comparison.summary.surges] == ["surge"]


def test_a_prediction_of_itself_is_accurate() -> None:
    comparison = compare(predicted(), measured(slowness=1.0))
    assert comparison.summary is not None
    assert comparison.summary.accurate
    assert comparison.summary.figures_inside <= comparison.summary.figures_counted


def test_an_invalid_run_is_shown_but_never_scored() -> None:
    comparison = compare(predicted(), measured("invalid"))
    assert not comparison.scored
    assert comparison.summary is None
    assert comparison.reasons == ("dispatch lag p99 312 ms, 20 ms allowed",)
    assert all(f.error is None for phase in comparison.phases for f in phase.figures)


def test_a_degraded_run_is_scored_with_a_note() -> None:
    comparison = compare(predicted(), measured("degraded"))
    assert comparison.scored
    assert any("degraded" in note for note in comparison.notes)


def test_outcomes_of_different_scenarios_are_refused() -> None:
    other = measured().model_copy(update={"scenario_sha256": "0" * 64})
    with pytest.raises(ScenarioError, match="another scenario"):
        compare(predicted(), other)


def test_two_predictions_are_refused() -> None:
    with pytest.raises(ScenarioError, match="measured outcome is needed"):
        compare(predicted(), predicted())


def test_phases_that_were_never_reached_have_no_measurement() -> None:
    cut = measured().model_copy(update={"phases": measured().phases[:2]})
    comparison = compare(predicted(), cut)
    assert [phase.figure("goodput_rps").measured is None for phase in comparison.phases] == [False, False, True]


def test_other_arrivals_are_noted() -> None:
    comparison = compare(predicted(), measured().model_copy(update={"seed": 7}))
    assert any("did not see the same arrivals" in note for note in comparison.notes)

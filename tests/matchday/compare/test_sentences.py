from matchday.compare import compare
from matchday.compare.sentences import chance
from tests.matchday.compare.synthetic import measured, predicted


def test_the_verdict_names_errors_and_the_slo() -> None:
    verdict = compare(predicted(), measured()).verdict
    assert verdict.prediction.startswith("In the surge p95 was predicted within ")
    assert "of 20 simulated futures" in verdict.slo
    assert verdict.slo.startswith("The SLO was missed: p99 ")


def test_an_invalid_run_gets_no_verdict_but_its_reason() -> None:
    verdict = compare(predicted(), measured("invalid")).verdict
    assert verdict.prediction == "Not scored, the run is invalid: dispatch lag p99 312 ms, 20 ms allowed."


def test_chances_are_told_in_counts() -> None:
    assert chance(0.0, 20) == "None of 20 simulated futures met it."
    assert chance(0.35, 20) == "7 of 20 simulated futures met it."
    assert chance(1.0, 20) == "All 20 simulated futures met it."

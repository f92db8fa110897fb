import pytest

from matchday.compare import Comparison, compare
from tests.matchday.compare.synthetic import measured, predicted


def test_a_comparison_survives_its_json() -> None:
    comparison = compare(predicted(), measured())
    assert Comparison.model_validate_json(comparison.model_dump_json()) == comparison


def test_the_schema_is_named_in_the_json() -> None:
    assert compare(predicted(), measured()).model_dump(mode="json")["schema"] == "matchday/comparison/v1"


def test_a_figure_is_found_by_name() -> None:
    phase = compare(predicted(), measured()).total
    assert phase.figure("latency_s.p99").unit == "s"
    with pytest.raises(KeyError):
        phase.figure("latency_s.p12")

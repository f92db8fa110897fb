import pytest

from matchday.report.failures import failures_by_kind
from matchday.report.picture import Picture
from matchday.report.ranges import Ranges
from scenarios.outcome import FAILURE_KINDS, Failures, Outcome
from scenarios.schema import Slo
from tests.matchday.compare.synthetic import measured, predicted

SLO = Slo.model_validate({"p99": "400ms", "success": "99.5%"})


def without_failures(outcome: Outcome) -> Outcome:
    none = {"failures": Failures(**dict.fromkeys(FAILURE_KINDS, 0.0)), "success_ratio": 1.0}
    phases = tuple(phase.model_copy(update=none) for phase in outcome.phases)
    return outcome.model_copy(update={"phases": phases, "total": outcome.total.model_copy(update=none)})


def panel(picture: Picture) -> Ranges:
    (ranges,) = picture.panels
    assert isinstance(ranges, Ranges)
    return ranges


def test_each_kind_that_occurs_has_a_row_for_each_phase_it_occurs_in() -> None:
    groups = {
        group.head: [row.label for row in group.rows]
        for group in panel(failures_by_kind((predicted(), measured()), None)).groups
    }
    assert list(groups) == ["all kinds together", "queue timeout", "connect", "client timeout"]
    assert groups["queue timeout"] == ["surge", "whole run"]


def test_predicted_interval_and_measured_share_stand_in_one_row() -> None:
    surge = panel(failures_by_kind((predicted(), measured()), None)).groups[1].rows[0]
    assert surge.predicted == predicted().phases[1].failures.queue_timeout
    assert surge.measured == measured().phases[1].failures.queue_timeout


def test_all_kinds_together_are_held_against_the_slo() -> None:
    group = panel(failures_by_kind((predicted(), measured()), SLO)).groups[0]
    (row,) = group.rows
    assert group.head == "all kinds together, which the SLO limits to 0.5\N{NO-BREAK SPACE}%"
    assert row.limit == pytest.approx(0.005)
    assert row.predicted is not None
    assert row.predicted.low <= row.predicted.value <= row.predicted.high


def test_a_kind_that_was_only_predicted_is_shown() -> None:
    groups = panel(failures_by_kind((predicted(), without_failures(measured())), None)).groups
    assert [row.measured for row in groups[1].rows] == [0.0, 0.0]


def test_a_run_without_failures_says_so() -> None:
    picture = failures_by_kind((None, without_failures(measured())), None)
    assert (picture.note, picture.panels) == ("Nothing failed.", ())


def test_an_interrupted_run_has_no_dot_for_what_it_did_not_reach() -> None:
    cut = measured().model_copy(update={"phases": measured().phases[:1]})
    surge = panel(failures_by_kind((predicted(), cut), None)).groups[1].rows[0]
    assert (surge.label, surge.measured) == ("surge", None)


def test_the_table_has_every_kind_of_every_phase() -> None:
    picture = failures_by_kind((predicted(), measured()), None)
    assert len(picture.head) == 2 + len(FAILURE_KINDS)
    assert [row[:2] for row in picture.rows[-2:]] == [("whole run", "predicted"), ("whole run", "measured")]

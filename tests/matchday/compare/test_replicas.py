from matchday.compare.replicas import Step, crossings, rises, score_replicas
from scenarios.outcome import Interval, ReplicaChange


def predicted(*rows: tuple[float, float]) -> list[ReplicaChange]:
    return [
        ReplicaChange(time_s=t, **{k: Interval(value=n, low=n, high=n) for k in ("desired", "ready", "in_rotation")})
        for t, n in rows
    ]


def measured(*rows: tuple[float, float]) -> list[ReplicaChange]:
    return [ReplicaChange(time_s=t, desired=n, ready=n, in_rotation=n) for t, n in rows]


def test_scale_ups_are_paired_by_the_level_they_reach() -> None:
    score = score_replicas(predicted((0, 2), (25, 4), (35, 10)), measured((0, 2), (26, 5), (34, 10)), scored=True)
    assert score is not None
    assert [(up.to, up.predicted_s, up.measured_s) for up in score.scale_ups] == [(5, 35, 26), (10, 35, 34)]
    assert score.largest_difference_s == 9


def test_equal_ends_are_equal_though_the_way_differs() -> None:
    score = score_replicas(predicted((0, 2), (25, 4), (90, 2)), measured((0, 2), (25.5, 4), (95, 2)), scored=True)
    assert score is not None
    assert score.final_equal is True
    assert score.scale_ups_matched is True
    assert score.largest_difference_s == 0.5


def test_a_scale_up_that_never_came_is_unmatched() -> None:
    score = score_replicas(predicted((0, 2), (25, 4)), measured((0, 2)), scored=True)
    assert score is not None
    assert score.final_equal is False
    assert score.scale_ups_matched is False
    assert score.scale_ups[0].measured_s is None


def test_no_rows_no_score() -> None:
    assert score_replicas([], measured((0, 2)), scored=True) is None


def test_rises_and_crossings() -> None:
    steps = [Step(0, 2), Step(5, 6), Step(9, 3), Step(12, 7)]
    assert [step.time_s for step in rises(steps)] == [5, 12]
    assert crossings(steps, 5) == [5, 12]
    assert crossings(steps, 7) == [12]

from hypothesis import given
from hypothesis import strategies as st

from matchday.compare.figures import bounds, figures_of, plain, score_figure, score_phase
from scenarios.outcome import Interval
from tests.matchday.compare.synthetic import measured, predicted

SIDE = Interval(value=2.0, low=1.0, high=4.0)


def test_error_is_predicted_minus_measured() -> None:
    score = score_figure("p95", "s", SIDE, 1.6, scored=True)
    assert score.error == 2.0 - 1.6
    assert score.relative_error == (2.0 - 1.6) / 1.6
    assert score.inside is True


def test_the_ends_belong_to_the_interval() -> None:
    assert [score_figure("x", "s", SIDE, m, scored=True).inside for m in (0.99, 1.0, 4.0, 4.01)] == [
        False,
        True,
        True,
        False,
    ]


def test_what_exists_on_one_side_only_is_outside() -> None:
    assert score_figure("x", "s", SIDE, None, scored=True).inside is False
    assert score_figure("x", "s", None, 1.0, scored=True).inside is False
    assert score_figure("x", "s", None, None, scored=True).inside is None


def test_an_unscored_run_has_no_errors() -> None:
    score = score_figure("x", "s", SIDE, 1.0, scored=False)
    assert (score.error, score.inside, score.counts) == (None, None, False)


def test_given_and_absent_figures_do_not_count() -> None:
    nothing = Interval(value=0.0, low=0.0, high=0.0)
    assert not score_figure("offered", "rps", SIDE, 2.0, scored=True, given=True).counts
    assert not score_figure("failures.connect", "ratio", nothing, 0.0, scored=True).counts
    assert score_figure("failures.connect", "ratio", nothing, 0.1, scored=True).counts


@given(st.floats(0.001, 1e6))
def test_a_prediction_always_contains_itself(value: float) -> None:
    score = score_figure("x", "s", Interval(value=value, low=value, high=value), value, scored=True)
    assert score.inside
    assert score.error == 0


def test_every_figure_of_a_phase_is_scored_once() -> None:
    ours, real = predicted().total, measured().total
    names = [name for name, _, _ in figures_of(ours)]
    assert len(names) == len(set(names)) == 18
    assert [f.figure for f in score_phase(ours, real, scored=True).figures] == names


def test_a_phase_that_was_never_reached_has_no_measurement() -> None:
    score = score_phase(predicted().phases[2], None, scored=True)
    assert all(f.measured is None and f.error is None for f in score.figures)


def test_a_plain_number_is_an_interval_of_no_width() -> None:
    assert bounds(3.0) == Interval(value=3.0, low=3.0, high=3.0)
    assert plain(SIDE) == 2.0
    assert plain(None) is None

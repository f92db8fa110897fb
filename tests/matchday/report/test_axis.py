import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchday.report.axis import linear, logarithmic, time, time_text

POSITIVE = st.floats(1e-6, 1e6)


@given(st.lists(POSITIVE, min_size=1))
def test_a_linear_axis_starts_at_zero_and_holds_every_value(values: list[float]) -> None:
    axis = linear(values)
    assert axis.low == axis.ticks[0] == 0
    assert axis.high >= max(values) * 0.998
    assert 2 <= len(axis.ticks) <= 7


@given(st.lists(POSITIVE, min_size=1))
def test_a_logarithmic_axis_holds_every_value_between_its_outer_ticks(values: list[float]) -> None:
    axis = logarithmic(values)
    assert axis.ticks[0] == axis.low <= min(values) * 1.001
    assert axis.ticks[-1] == axis.high >= max(values) * 0.998
    assert list(axis.ticks) == sorted(set(axis.ticks))


def test_a_logarithmic_axis_gives_each_decade_the_same_room() -> None:
    axis = logarithmic([0.01, 10.0])
    shares = [axis.share(value) for value in (0.01, 0.1, 1.0, 10.0)]
    assert shares == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_logarithmic_ticks_stand_at_one_two_and_five_and_the_rest_is_faint() -> None:
    axis = logarithmic([0.03, 0.9])
    assert axis.ticks == (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
    assert axis.faint == (0.03, 0.04, 0.06, 0.07, 0.08, 0.09, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9)


def test_many_decades_are_labelled_by_powers_of_ten() -> None:
    ticks = logarithmic([0.001, 500.0]).ticks
    assert ticks == (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 500.0)


def test_what_a_logarithm_cannot_show_lies_on_the_bottom() -> None:
    axis = logarithmic([0.0, 0.2, 0.4])
    assert axis.low == 0.2
    assert axis.share(0.0) == 0


def test_an_axis_of_nothing_still_has_two_ends() -> None:
    assert linear([]).high > 0
    assert logarithmic([]).ticks[0] < logarithmic([]).ticks[-1]


@pytest.mark.parametrize("most", [0, 1, 2, 7, 11, 50])
def test_pods_are_counted_in_whole_numbers(most: int) -> None:
    axis = linear([most], whole=True)
    assert all(tick == math.floor(tick) for tick in axis.ticks)
    assert axis.high >= most


@pytest.mark.parametrize(
    ("end_s", "last"), [(100, "100 s"), (220, "180 s"), (3600, "60 min"), (4 * 3600, "240 min"), (86400, "24 h")]
)
def test_time_is_told_in_the_unit_that_suits_its_end(end_s: float, last: str) -> None:
    axis = time(end_s)
    assert axis.high == end_s
    assert len(axis.ticks) <= 7
    assert time_text(axis.ticks[-1], end_s) == last
    assert time_text(0, end_s) == "0"

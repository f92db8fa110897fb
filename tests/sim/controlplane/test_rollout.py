from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.controlplane.rollout import Counts, Step, allowance, next_step


@pytest.mark.parametrize(
    ("max_surge", "max_unavailable", "desired", "allowed"),
    [
        ("25%", "25%", 4, (1, 1)),
        ("25%", "25%", 10, (3, 2)),
        ("25%", "25%", 1, (1, 0)),
        (2, 0, 5, (2, 0)),
        ("0%", "10%", 5, (0, 1)),
        (0, 0, 5, (0, 1)),
        ("100%", "0%", 3, (3, 0)),
    ],
)
def test_the_surge_is_rounded_up_the_unavailable_down_and_one_of_them_is_at_least_one(
    max_surge: int | str, max_unavailable: int | str, desired: int, allowed: tuple[int, int]
) -> None:
    assert allowance(max_surge, max_unavailable, desired) == allowed


@pytest.mark.parametrize(
    ("counts", "step"),
    [
        (Counts(4, 4), Step()),
        (Counts(2, 2), Step(create=2)),
        (Counts(7, 5), Step(delete_new=3)),
    ],
)
def test_without_an_update_the_count_is_all_that_matters(counts: Counts, step: Step) -> None:
    assert next_step(4, 1, 1, counts) == step


@pytest.mark.parametrize(
    ("counts", "step"),
    [
        # of 4 pods with one above and one below: first one more, then one ready one fewer, then as they become ready
        (Counts(0, 0, 4, 4), Step(create=1)),
        (Counts(1, 0, 4, 4), Step(delete_old=1)),
        (Counts(1, 0, 3, 3), Step(create=1)),
        (Counts(2, 0, 3, 3), Step()),
        (Counts(2, 1, 3, 3), Step(delete_old=1)),
        (Counts(4, 3, 1, 1), Step(delete_old=1)),
        # old pods that are not ready go first, as far as too few would not be left when new ones become ready
        (Counts(1, 0, 4, 2), Step(delete_old=1)),
        (Counts(1, 1, 4, 2), Step(delete_old=2)),
    ],
)
def test_an_update_goes_on_as_far_as_surge_and_availability_allow(counts: Counts, step: Step) -> None:
    assert next_step(4, 1, 1, counts) == step


@given(
    desired=st.integers(0, 20), surge=st.integers(0, 5), unavailable=st.integers(0, 5), data=st.data(),
)  # fmt: skip
def test_every_update_ends_and_never_leaves_its_bounds(
    desired: int, surge: int, unavailable: int, data: st.DataObject
) -> None:
    if surge == unavailable == 0:
        unavailable = 1
    new = new_ready = 0
    old = desired
    for _ in range(20 * desired + 1):
        step = next_step(desired, surge, unavailable, Counts(new, new_ready, old, old))
        new, old = new + step.create - step.delete_new, old - step.delete_old
        assert new + old <= desired + surge
        assert new_ready + old >= desired - unavailable
        if step == Step():
            if new_ready == new:
                break
            new_ready += data.draw(st.integers(1, new - new_ready))
    assert (new, new_ready, old) == (desired, desired, 0)

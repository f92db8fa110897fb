"""Stabilisation, policies and the memory of scale events, rule by rule."""

import pytest

from balancer.policy.hpa import Behavior, HpaSpec, Memory, Metric, ScalingPolicy, ScalingRules
from balancer.policy.hpa_normalise import (
    DEFAULT_DOWN,
    DEFAULT_UP,
    down_limit,
    filled,
    normalise_plainly,
    normalise_with_behavior,
    remember_event,
    tolerance_of,
    up_limit,
)

METRICS = (Metric("Resource", "cpu", utilization_percent=60),)
PLAIN = HpaSpec(1, 100, METRICS)
NOW = 1000.0


def with_behavior(up: ScalingRules | None = None, down: ScalingRules | None = None) -> HpaSpec:
    return HpaSpec(1, 100, METRICS, Behavior(up, down))


def test_without_behavior_the_highest_of_300_s_wins_the_cutoff_included() -> None:
    memory = Memory(recommendations=((NOW - 300, 9), (NOW - 301, 50)))
    assert normalise_plainly(PLAIN, memory, 9, 2, NOW)[:2] == (9, 9)


@pytest.mark.parametrize(("current", "wanted", "done"), [(1, 50, 4), (2, 50, 4), (3, 50, 6), (10, 50, 20)])
def test_without_behavior_at_most_twice_or_four(current: int, wanted: int, done: int) -> None:
    assert normalise_plainly(PLAIN, Memory(), current, wanted, NOW)[1] == done


def test_the_raw_recommendation_is_recorded_in_an_outdated_slot() -> None:
    memory = Memory(recommendations=((NOW - 400, 7), (NOW - 10, 3)))
    assert normalise_plainly(PLAIN, memory, 3, 2, NOW)[3] == ((NOW, 2), (NOW - 10, 3))


def test_bounds_of_the_spec_hold() -> None:
    spec = HpaSpec(3, 6, METRICS)
    assert normalise_plainly(spec, Memory(), 6, 50, NOW)[1:3] == (6, "max replicas")
    assert normalise_plainly(spec, Memory(), 3, 1, NOW)[1:3] == (3, "min replicas")


def test_missing_fields_of_a_half_are_filled_singly() -> None:
    rules = filled(ScalingRules(stabilization_s=10), DEFAULT_DOWN)
    assert (rules.stabilization_s, rules.policies, rules.select) == (10, DEFAULT_DOWN.policies, "Max")
    assert filled(None, DEFAULT_UP) == DEFAULT_UP


def test_scale_down_waits_for_its_window_and_the_cutoff_is_over() -> None:
    spec = with_behavior(down=ScalingRules(stabilization_s=60))
    held = Memory(recommendations=((NOW - 59, 8),))
    free = Memory(recommendations=((NOW - 60, 8),))
    assert normalise_with_behavior(spec, held, 8, 2, NOW)[:2] == (8, 8)
    assert normalise_with_behavior(spec, free, 8, 2, NOW)[:2] == (2, 2)


def test_scale_up_waits_for_its_window() -> None:
    spec = with_behavior(up=ScalingRules(stabilization_s=60))
    memory = Memory(recommendations=((NOW - 30, 3),))
    assert normalise_with_behavior(spec, memory, 2, 9, NOW)[:2] == (3, 3)


def test_default_scale_up_takes_the_larger_of_four_pods_and_double() -> None:
    assert up_limit(DEFAULT_UP, Memory(), 2, NOW) == 6
    assert up_limit(DEFAULT_UP, Memory(), 10, NOW) == 20


def test_pods_added_within_the_period_count_against_the_policy() -> None:
    memory = Memory(up_events=((NOW - 14, 4), (NOW - 15, 2)))
    assert up_limit(DEFAULT_UP, memory, 8, NOW) == 8  # the period began with 4: 4 + 4, or double


def test_min_takes_the_smallest_change_and_disabled_none() -> None:
    policies = (ScalingPolicy("Pods", 1, 15), ScalingPolicy("Percent", 50, 15))
    assert up_limit(ScalingRules(0, policies, "Min"), Memory(), 10, NOW) == 11
    assert down_limit(ScalingRules(0, policies, "Min"), Memory(), 10, NOW) == 9
    assert up_limit(ScalingRules(0, policies, "Disabled"), Memory(), 10, NOW) == 10
    assert down_limit(ScalingRules(0, policies, "Disabled"), Memory(), 10, NOW) == 10


def test_percent_down_is_truncated_and_percent_up_rounded_up() -> None:
    ten = ScalingRules(0, (ScalingPolicy("Percent", 10, 60),), "Max")
    assert down_limit(ten, Memory(), 15, NOW) == 13
    assert up_limit(ten, Memory(), 15, NOW) == 17


def test_an_up_limit_below_the_current_count_counts_as_current() -> None:
    memory = Memory(up_events=((NOW - 1, 20),))
    spec = with_behavior(up=ScalingRules(0, (ScalingPolicy("Pods", 1, 60),), "Max"))
    assert normalise_with_behavior(spec, memory, 22, 30, NOW)[1:3] == (22, "the scale-up policy")


def test_an_outdated_event_is_overwritten_in_place() -> None:
    behavior = Behavior(ScalingRules(policies=(ScalingPolicy("Pods", 4, 30),)), None)
    memory = Memory(up_events=((NOW - 100, 1), (NOW - 31, 2), (NOW - 5, 3)))
    assert remember_event(behavior, memory, 4, NOW).up_events == ((NOW - 100, 1), (NOW, 4), (NOW - 5, 3))


def test_quirk_removals_are_forgotten_by_their_own_period_though_a_longer_up_policy_still_asks() -> None:
    behavior = Behavior(
        ScalingRules(policies=(ScalingPolicy("Pods", 2, 90),)), ScalingRules(policies=(ScalingPolicy("Pods", 9, 15),))
    )
    once = remember_event(behavior, Memory(), -5, NOW - 60)
    twice = remember_event(behavior, once, -1, NOW)
    assert twice.down_events == ((NOW, 1),)
    up = filled(behavior.scale_up, DEFAULT_UP)
    assert up_limit(up, once, 10, NOW) == 17  # 10 + 5 removed within 90 s, and 2 more
    assert up_limit(up, twice, 9, NOW) == 12  # the 5 are gone, though they lie 60 s back


def test_tolerances_of_each_direction_are_their_own() -> None:
    tolerance = tolerance_of(Behavior(ScalingRules(tolerance=0.0), ScalingRules(tolerance=0.3)))
    assert not tolerance.holds(1.01)
    assert tolerance.holds(0.75)
    assert tolerance_of(None).holds(1.1)

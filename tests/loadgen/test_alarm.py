"""A greenlet is woken at its moment, to within the machine's own wake-up time."""

import os
import time

import gevent
import numpy as np
import pytest

from loadgen.alarm import Alarm


def test_moments_are_met_far_better_than_to_a_millisecond() -> None:
    late_s = []
    with Alarm() as alarm:
        for _ in range(200):
            moment = time.monotonic() + 0.0023
            alarm.sleep_until(moment)
            late_s.append(time.monotonic() - moment)
    assert min(late_s) >= 0.0
    assert np.median(late_s) < 0.0005  # the loop's own timers are half a millisecond late


@pytest.mark.parametrize("ago_s", [0.0, 5.0])
def test_a_moment_that_is_past_is_not_waited_for(ago_s: float) -> None:
    with Alarm() as alarm:
        began = time.monotonic()
        alarm.sleep_until(began - ago_s)
        assert time.monotonic() - began < 0.05


def test_other_greenlets_work_meanwhile() -> None:
    seen: list[float] = []
    with Alarm() as alarm:
        gevent.spawn_later(0.01, lambda: seen.append(time.monotonic()))
        until = time.monotonic() + 0.1
        alarm.sleep_until(until)
        assert seen
        assert seen[0] < until


def test_an_alarm_that_is_done_with_holds_no_descriptor() -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the names of descriptors
    for _ in range(5):
        with Alarm() as alarm:
            alarm.sleep_until(time.monotonic() + 0.001)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_greenlet_that_is_killed_in_its_sleep_leaves_an_alarm_that_still_works() -> None:
    with Alarm() as alarm:
        sleeper = gevent.spawn(alarm.sleep_until, time.monotonic() + 60)
        gevent.sleep(0.01)
        sleeper.kill()
        began = time.monotonic()
        alarm.sleep_until(began + 0.02)
        assert time.monotonic() - began == pytest.approx(0.02, abs=0.01)

"""The stand-in's clock starts with its process."""

import os
import time

from matchday.standin.__main__ import process_start


def test_the_process_started_in_the_past_and_always_at_the_same_time() -> None:
    first, second = process_start(), process_start()
    assert abs(first - second) < 0.02
    uptime_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert 0 <= time.monotonic() - first <= uptime_s
    assert os.times().elapsed > 0

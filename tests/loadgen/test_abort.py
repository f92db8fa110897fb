"""When a run is given up."""

import pytest

from loadgen.abort import Abort
from loadgen.errors import LoadError


def after(abort: Abort, seconds: list[tuple[int, int]]) -> str | None:
    """Fed with (ended, failed) of each second, the first thing it says."""
    done = failed = 0
    for second, (ended, bad) in enumerate(seconds, start=1):
        done, failed = done + ended, failed + bad
        if said := abort.feed(float(second), done, failed):
            return said
    return None


def test_failures_that_last_end_the_run_with_a_sentence() -> None:
    said = after(Abort.parse("20%:3s"), [(100, 0), (100, 30), (100, 30), (100, 20), (100, 50)])
    assert said == "given up 4.0 s into the schedule: at least 20% of requests failed for 3 s (--abort-on)"


def test_a_good_second_starts_the_count_anew() -> None:
    bad, good = (100, 50), (100, 19)
    assert after(Abort.parse("20%:3s"), [bad, bad, good, bad, bad, good]) is None


def test_seconds_in_which_nothing_ended_decide_nothing() -> None:
    assert after(Abort.parse("20%:3s"), [(0, 0)] * 50) is None
    assert after(Abort.parse("20%:3s"), [(10, 5), (0, 0), (0, 0), (10, 5)]) is not None


@pytest.mark.parametrize("text", ["", "20%", "20%:", ":10s", "20%:10", "0%:10s", "120%:10s", "20%:0s", "often:10s"])
def test_anything_else_is_one_line_that_shows_how(text: str) -> None:
    with pytest.raises(LoadError, match=r"--abort-on: .*: a share of failures and how long it lasts, such as 20%:10s"):
        Abort.parse(text)

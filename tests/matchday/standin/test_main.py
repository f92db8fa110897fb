"""The stand-in's clock starts with its process."""

import os
import time
from pathlib import Path

import pytest

from matchday.standin.__main__ import process_start, workload_of


def test_the_process_started_in_the_past_and_always_at_the_same_time() -> None:
    first, second = process_start(), process_start()
    assert abs(first - second) < 0.02
    uptime_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert 0 <= time.monotonic() - first <= uptime_s
    assert os.times().elapsed > 0


@pytest.mark.parametrize("way", ["option", "environment", "file of the environment"])
def test_the_workload_comes_from_an_option_or_the_environment(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "workload.json"
    file.write_text('{"paths": {}}')
    if way == "environment":
        monkeypatch.setenv("MATCHDAY_WORKLOAD", '{"paths": {}}')
    elif way == "file of the environment":
        monkeypatch.setenv("MATCHDAY_WORKLOAD_FILE", str(file))
    assert workload_of(file if way == "option" else None) == {"paths": {}}


def test_without_any_it_is_a_plain_page() -> None:
    assert list(workload_of(None)["paths"]) == ["/"]

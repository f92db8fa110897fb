"""Records survive a kill."""

from pathlib import Path

import pytest

from loadgen.records import Attempt, Recorder, read_records

FIRST = Attempt(0, 0, 0.25, 0.251, 0.3, 503, "", 107)
SECOND = Attempt(0, 1, 0.25, 0.5, 10.5, 0, "timeout", 0)


def test_records_come_back_as_written(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "records.csv")
    recorder.add(FIRST)
    recorder.flush()
    recorder.add(SECOND)
    recorder.close()
    assert read_records(tmp_path / "records.csv") == [FIRST, SECOND]


def test_a_line_torn_by_a_kill_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "records.csv"
    recorder = Recorder(path)
    recorder.add(FIRST)
    recorder.add(SECOND)
    recorder.close()
    path.write_bytes(path.read_bytes()[:-9])
    assert read_records(path) == [FIRST]


def test_a_generator_that_never_wrote_has_no_records(tmp_path: Path) -> None:
    assert read_records(tmp_path / "none.csv") == []
    (tmp_path / "empty.csv").touch()
    assert read_records(tmp_path / "empty.csv") == []


@pytest.mark.parametrize(
    ("status", "error", "good", "again"),
    [
        (200, "", True, False),
        (304, "", True, False),
        (404, "", False, False),
        (429, "", False, True),
        (503, "", False, True),
        (0, "timeout", False, True),
        (0, "connect", False, True),
    ],
)
def test_what_a_client_takes_for_success_and_what_it_repeats(status: int, error: str, good: bool, again: bool) -> None:
    attempt = Attempt(7, 2, 0.0, 0.0, 1.0, status, error, 0)
    assert (attempt.good, attempt.worth_a_retry) == (good, again)
    assert attempt.request_id == "7-2"

"""Records survive a kill."""

from dataclasses import astuple, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.records import (
    ERRORS,
    ROW,
    Attempt,
    Recorder,
    attempts_of,
    good_rows,
    read_records,
    read_rows,
    rows_of,
    worth_a_retry,
)

FIRST = Attempt(0, 0, 2, 0.25, 0.251, 0.3, 503, "", False, 107)
SECOND = Attempt(0, 1, 2, 0.25, 0.5, 10.5, 0, "timeout", True, 0)

SECONDS = st.floats(0, 1e6)
ATTEMPTS = st.builds(
    Attempt,
    index=st.integers(0, 2**40),
    attempt=st.integers(0, 10),
    request=st.integers(0, 1000),
    intended_s=SECONDS,
    send_s=SECONDS,
    done_s=SECONDS,
    status=st.integers(0, 999),
    error=st.sampled_from(ERRORS),
    final=st.booleans(),
    bytes=st.integers(0, 2**40),
)


@given(attempts=st.lists(ATTEMPTS, max_size=5))
def test_records_come_back_to_the_last_bit(attempts: list[Attempt]) -> None:
    recorder = Recorder()
    for attempt in attempts:
        recorder.add(*astuple(attempt))
    assert attempts_of(rows_of(recorder.take())) == attempts


def test_what_was_taken_is_not_taken_again() -> None:
    recorder = Recorder()
    recorder.add(*astuple(FIRST))
    assert len(rows_of(recorder.take())) == 1
    recorder.add(*astuple(SECOND))
    assert rows_of(recorder.take())["attempt"].tolist() == [1]
    assert recorder.take() == b""


@pytest.mark.parametrize("torn", [1, ROW.itemsize - 1])
def test_a_row_torn_by_a_kill_is_left_out(tmp_path: Path, torn: int) -> None:
    recorder = Recorder()
    recorder.add(*astuple(FIRST))
    recorder.add(*astuple(SECOND))
    (tmp_path / "r").write_bytes(recorder.take()[:-torn])
    assert read_records(tmp_path / "r") == [FIRST]


def test_a_generator_that_never_wrote_has_no_records(tmp_path: Path) -> None:
    assert read_records(tmp_path / "none") == []
    (tmp_path / "empty").touch()
    assert len(read_rows(tmp_path / "empty")) == 0


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
        (200, "check", False, False),
    ],
)
def test_what_a_client_takes_for_success_and_what_it_repeats(status: int, error: str, good: bool, again: bool) -> None:
    attempt = replace(SECOND, status=status, error=error)
    recorder = Recorder()
    recorder.add(*astuple(attempt))
    assert (attempt.good, worth_a_retry(status, error)) == (good, again)
    assert good_rows(rows_of(recorder.take())).tolist() == [good]


def test_the_proxy_logs_an_attempt_under_its_request_and_number() -> None:
    assert SECOND.request_id == "0-1"

"""Seconds of a schedule, from records that are being written."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from loadgen.live.seconds import PATIENCE_S, Second, Seconds
from loadgen.records import ROW

Write = Callable[..., None]


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return tmp_path / "surge.records"


@pytest.fixture
def write(records: Path) -> Write:
    def append(intended_s: float, done_s: float, status: int = 200, *, final: bool = True, cut: int = 0) -> None:
        row = np.zeros(1, ROW)
        row["intended_s"], row["done_s"], row["status"], row["final"] = intended_s, done_s, status, final
        packed = row.tobytes()
        with records.open("ab") as file:
            file.write(packed[: len(packed) - cut])

    return append


def told(seconds: Iterator[Second]) -> list[Second]:
    """With what is left of binary fractions rounded away."""
    return [replace(s, p95_s=None if s.p95_s is None else round(s.p95_s, 9)) for s in seconds]


def test_a_second_is_told_when_its_last_answer_is_in(records: Path, write: Write) -> None:
    seconds = Seconds(np.array([0.1, 0.9, 1.5]), records)
    assert told(seconds.settled(1.0)) == []
    write(0.1, 0.2)
    assert told(seconds.settled(2.0)) == []
    write(0.9, 2.4)
    assert told(seconds.settled(3.0)) == [Second(1.0, 2, 2, 1.5)]


def test_an_answer_counts_in_the_second_it_was_meant_for(records: Path, write: Write) -> None:
    seconds = Seconds(np.array([0.5, 1.5]), records)
    write(1.5, 1.6)
    write(0.5, 3.5, status=503)
    assert told(seconds.settled(4.0)) == [Second(1.0, 1, 0, None), Second(2.0, 1, 1, 0.1)]


def test_a_second_that_is_not_over_is_not_told(records: Path, write: Write) -> None:
    seconds = Seconds(np.array([0.2]), records)
    write(0.2, 0.3)
    assert told(seconds.settled(0.9)) == []
    assert [second.end_s for second in seconds.settled(1.0)] == [1.0]


def test_a_second_is_told_once(records: Path, write: Write) -> None:
    seconds = Seconds(np.array([0.2]), records)
    write(0.2, 0.3)
    assert len(told(seconds.settled(1.0))) == 1
    assert told(seconds.settled(100.0)) == []


def test_an_attempt_that_is_tried_again_is_no_request(records: Path, write: Write) -> None:
    seconds = Seconds(np.array([0.2]), records)
    write(0.2, 0.3, status=503, final=False)
    assert told(seconds.settled(1.0)) == []
    write(0.2, 1.3)
    assert told(seconds.settled(2.0)) == [Second(1.0, 1, 1, 1.1)]


def test_an_empty_second_is_told_as_empty(records: Path, write: Write) -> None:
    seconds = Seconds(np.array([2.5]), records)
    assert told(seconds.settled(2.5)) == [Second(1.0, 0, 0, None), Second(2.0, 0, 0, None)]


def test_a_request_that_never_ends_is_not_waited_for_for_ever(records: Path, write: Write) -> None:
    seconds = Seconds(np.array([0.1, 0.2]), records)
    write(0.1, 0.2)
    assert told(seconds.settled(0.9 + PATIENCE_S)) == []
    assert told(seconds.settled(1.0 + PATIENCE_S)) == [Second(1.0, 1, 1, 0.1)]
    write(0.2, 40.0)
    assert told(seconds.settled(99.0)) == []


def test_half_a_row_waits_for_its_other_half(records: Path, write: Write) -> None:
    seconds = Seconds(np.array([0.1]), records)
    write(0.1, 0.2, cut=20)
    assert told(seconds.settled(1.0)) == []
    half = records.read_bytes()
    write(0.1, 0.2)
    records.write_bytes(half + records.read_bytes()[-20:])
    assert [second.sent for second in seconds.settled(2.0)] == [1]

"""A run conducted with a crew that is a stub: what is written, said and stopped."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gevent.event import Event
from locust.env import Environment

from loadgen.abort import Abort
from loadgen.conduct import Conducted, conduct
from loadgen.crew import Member, Took
from loadgen.records import Recorder, read_records
from scenarios.traffic import PhaseSpan

PHASES = (PhaseSpan("all", 0.0, 60.0, surge=True),)


class Stub:
    """Ends a request each time it is asked, a failed one when `failing`, `ends_after` of them in all."""

    def __init__(self, ends_after: int, *, failing: bool = False) -> None:
        self.environment = Environment()
        self.members = [Member(0, 1, "here", 10, wall_s=1.0)]
        self.ends_after, self.failing, self.stopped = ends_after, failing, False

    def start(self, epoch: float | None) -> float:
        return time.monotonic() if epoch is None else epoch

    def collect(self, took: Took) -> None:
        member, recorder = self.members[0], Recorder()
        if member.counts.sent < self.ends_after and not self.stopped:
            index, status = member.counts.sent, 503 if self.failing else 200
            recorder.add(index, 0, 0, 0.0, 0.001, 0.1, status, "", True, 5)
            member.counts.sent += 1
            member.lag.add(np.array([0.001]))
            took(recorder.take(), np.array([0.001]))
        member.ended = self.stopped or member.counts.sent == self.ends_after
        member.complete = member.counts.sent == self.ends_after

    def ended(self) -> bool:
        return self.members[0].ended

    def stop(self) -> None:
        self.stopped = True

    def quit(self) -> None:
        pass


class Shown:
    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def feed(self, line: dict[str, Any]) -> None:
        self.lines.append(line)


@pytest.fixture
def told(tmp_path: Path) -> Callable[..., tuple[dict[str, Any], list[dict[str, Any]], Shown]]:
    def run(crew: Stub, abort: Abort | None = None, stopping: Event | None = None) -> Any:
        said: list[dict[str, Any]] = []
        view = Shown()
        how = Conducted(tmp_path / "r", tmp_path / "s.json", None, abort, view, said.append)
        stats = conduct(crew, 10, PHASES, how, stopping or Event())
        assert json.loads((tmp_path / "s.json").read_text()) == stats
        return stats, said, view

    return run


def test_a_whole_run_leaves_its_records_and_stats(told: Callable[..., Any], tmp_path: Path) -> None:
    stats, said, view = told(Stub(5))
    assert [record.index for record in read_records(tmp_path / "r")] == [0, 1, 2, 3, 4]
    assert (stats["planned"], stats["sent"], stats["complete"], stats["aborted"]) == (10, 5, True, None)
    assert stats["dispatch_lag_p99_s"] == pytest.approx(0.001, rel=0.005)
    assert list(said[0]) == ["epoch"]
    assert said[-1]["ok"] == 5
    assert view.lines == said[1:]


def test_a_stop_is_passed_on_and_the_rest_is_kept(told: Callable[..., Any], tmp_path: Path) -> None:
    stopping = Event()
    stopping.set()
    stats, _, _ = told(Stub(1000), stopping=stopping)
    assert stats["complete"] is False
    assert 1 <= len(read_records(tmp_path / "r")) == stats["sent"] < 10


def test_failures_that_last_stop_the_run_and_are_its_reason(told: Callable[..., Any]) -> None:
    stats, _, _ = told(Stub(1000, failing=True), abort=Abort.parse("50%:1s"))
    assert stats["aborted"].startswith("given up")
    assert stats["sent"] < 20


def test_a_crew_that_does_not_stop_is_not_waited_for_forever(told: Callable[..., Any]) -> None:
    crew, stopping = Stub(1000), Event()
    crew.stop = lambda: None  # type: ignore[method-assign]  # a crew that does not hear
    stopping.set()
    began = time.monotonic()
    told(crew, stopping=stopping)
    assert time.monotonic() - began < 6

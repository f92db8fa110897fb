"""The dispatcher against a client that is a stub: in a process of its own, because Locust patches the interpreter."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import json, sys, time
import gevent
import numpy as np
from loadgen.http import Answer
from loadgen.openloop import Sender
from loadgen.records import attempts_of, rows_of
from scenarios.messages import Message
from scenarios.schema import Request
from scenarios.traffic import PhaseSpan, Schedule

times_s, answers, takes_s, retries, stop_after, share, of = json.loads(sys.argv[1])

class Stub:
    def __init__(self):
        self.left, self.seen = list(answers), []
    def send(self, method, request, timeout_s, whole):
        self.seen.append((method, request.decode(), timeout_s))
        answer = self.left.pop(0) if self.left else [200, ""]
        gevent.sleep(takes_s)
        if answer[1] in ("ports", "descriptors"):
            return Answer(0, "other", 0, answer[1])
        return Answer(answer[0], answer[1], 7)

class Messages:
    def of(self, kind, key):
        return Message("GET", f"/item/{key}", (("Host", "tv.example"),), b"")
    def expect(self, kind):
        return None

n = len(times_s)
request = Request.model_validate({"host": "tv.example", "path": "/item/{key}", "timeout": "10s", "retries": retries,
                                  "backoff": "20ms", "keys": 50})
schedule = Schedule(np.array(times_s), np.zeros(n, np.int32), np.arange(n) + 40, np.zeros(n, np.int32),
                    (PhaseSpan("a", 0.0, 9.0, True),), 9.0)
stub = Stub()
sender = Sender(schedule, (request,), Messages(), {0: stub}, epoch=time.monotonic() + 0.1, seed=1, share=share, of=of)
def stop():
    while sender.counts.sent < stop_after:
        gevent.sleep(0.01)
    sender.stopping.set()
if stop_after:
    gevent.spawn(stop)
sender.send_all()
counts = sender.counts
print(json.dumps({"complete": sender.complete, "own_errors": counts.own_errors, "sent": counts.sent,
                  "planned": sender.planned, "outstanding": counts.outstanding,
                  "outstanding_max": counts.outstanding_max, "seen": stub.seen, "lags": sender.take_lags().tolist(),
                  "records": [[a.index, a.attempt, a.intended_s, a.send_s, a.done_s, a.status, a.error, a.final]
                              for a in attempts_of(rows_of(sender.recorder.take()))]}))
"""


def dispatch(
    times_s: list[float],
    answers: list[tuple[int, str]] | None = None,
    takes_s: float = 0.0,
    retries: int = 0,
    stop_after: int = 0,
    share: tuple[int, int] = (0, 1),
) -> Any:
    argument = json.dumps([times_s, answers or [], takes_s, retries, stop_after, *share])
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), argument]
    root = Path(__file__).parent.parent.parent
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=root).stdout)


def test_slow_answers_delay_no_later_request() -> None:
    told = dispatch([0.0, 0.1, 0.2, 0.3], takes_s=0.5)
    lags_s = [send_s - intended_s for _, _, intended_s, send_s, *_ in told["records"]]
    assert max(lags_s) < 0.05
    assert min(lags_s) >= 0.0
    assert told["outstanding_max"] == 4
    assert told["complete"] is True


def test_each_request_carries_its_key_host_id_and_timeout() -> None:
    told = dispatch([0.0, 0.05])
    assert told["seen"] == [
        ["GET", "GET /item/40 HTTP/1.1\r\nHost: tv.example\r\nX-Request-Id: 0-0\r\n\r\n", 10.0],
        ["GET", "GET /item/41 HTTP/1.1\r\nHost: tv.example\r\nX-Request-Id: 1-0\r\n\r\n", 10.0],
    ]


def test_shares_part_the_schedule_without_rest() -> None:
    times_s = [0.0, 0.01, 0.02, 0.03, 0.04]
    mine = [dispatch(times_s, share=(share, 2)) for share in range(2)]
    assert [[row[0] for row in told["records"]] for told in mine] == [[0, 2, 4], [1, 3]]
    assert [(told["planned"], told["complete"]) for told in mine] == [(3, True), (2, True)]


def test_a_lag_is_kept_for_each_request_that_was_sent() -> None:
    told = dispatch([0.0, 0.05], [(503, ""), (200, "")], retries=1)
    assert told["lags"] == [pytest.approx(row[3] - row[2]) for row in told["records"] if row[1] == 0]


def test_failed_attempts_are_repeated_after_their_backoff_until_one_succeeds() -> None:
    told = dispatch([0.0], [(503, ""), (0, "reset"), (200, "")], retries=3)
    assert [(row[1], *row[5:]) for row in told["records"]] == [
        (0, 503, "", False),
        (1, 0, "reset", False),
        (2, 200, "", True),
    ]
    first, second, third = told["records"]
    assert 0.01 <= second[3] - first[4] < 0.06
    assert 0.02 <= third[3] - second[4] < 0.09
    assert {row[2] for row in told["records"]} == {0.0}
    assert told["sent"] == 1


def test_retries_end_and_client_errors_are_not_repeated() -> None:
    told = dispatch([0.0, 0.3], [(503, ""), (429, ""), (404, "")], retries=1)
    assert [(row[0], row[1], row[5]) for row in told["records"]] == [(0, 0, 503), (0, 1, 429), (1, 0, 404)]


def test_what_this_machine_could_not_send_is_counted_and_not_blamed_on_the_server() -> None:
    told = dispatch([0.0, 0.05], [(0, "ports")], retries=2)
    assert (told["own_errors"]["ports"], told["sent"], told["complete"], len(told["records"])) == (1, 1, False, 1)


def test_a_stop_ends_sending_at_once_and_waits_briefly_for_answers() -> None:
    told = dispatch([0.0, 0.05, 8.0], takes_s=0.4, stop_after=2)
    assert (told["sent"], len(told["records"]), told["complete"]) == (2, 2, False)

"""The dispatcher against a client that is a stub: in a process of its own, because Locust patches the interpreter."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

PROGRAM = """
import json, sys, time
import gevent
import numpy as np
from locust.env import Environment
from loadgen.http import OWN_LIMIT, Answer
from loadgen.openloop import OpenLoopUser, Run
from loadgen.records import Recorder, read_records
from pathlib import Path
from scenarios.schema import Request
from scenarios.traffic import PhaseSpan, Schedule

times_s, answers, takes_s, retries, stop_after, path = json.loads(sys.argv[1])

class Stub:
    def __init__(self):
        self.left, self.seen = list(answers), []
    def send(self, method, path, headers, timeout_s):
        self.seen.append((method, path, headers["Host"], headers["X-Request-Id"], timeout_s))
        answer = self.left.pop(0) if self.left else [200, ""]
        gevent.sleep(takes_s)
        return Answer(answer[0], OWN_LIMIT if answer[1] == "limit" else answer[1], 7)

n = len(times_s)
request = Request.model_validate({"host": "tv.example", "path": "/item/{key}", "timeout": "10s", "retries": retries,
                                  "backoff": "20ms"})
schedule = Schedule(np.array(times_s), np.zeros(n, np.int32), np.arange(n) + 40, np.zeros(n, np.int32),
                    (PhaseSpan("a", 0.0, 9.0, True),), 9.0)
stub, recorder = Stub(), Recorder(Path(path))
run = Run(schedule, (request,), {0: stub}, time.monotonic() + 0.1, 1, recorder)
environment = Environment(user_classes=[type("U", (OpenLoopUser,), {"run_of_load": run, "abstract": False})])
runner = environment.create_local_runner()
def stop():
    while run.progress.sent_count < stop_after:
        gevent.sleep(0.01)
    run.stopping.set()
if stop_after:
    gevent.spawn(stop)
runner.start(1, spawn_rate=1)
runner.greenlet.join()
recorder.close()
total = environment.stats.total
print(json.dumps({"complete": run.complete, "dropped": run.dropped, "sent": run.progress.sent_count,
                  "done": run.progress.done_count, "outstanding_max": run.progress.outstanding_max, "seen": stub.seen,
                  "locust": [total.num_requests, total.num_failures],
                  "records": [[a.index, a.attempt, a.intended_s, a.send_s, a.done_s, a.status, a.error]
                              for a in read_records(Path(path))]}))
"""


def dispatch(
    tmp_path: Path,
    times_s: list[float],
    answers: list[tuple[int, str]] | None = None,
    takes_s: float = 0.0,
    retries: int = 0,
    stop_after: int = 0,
) -> Any:
    argument = json.dumps([times_s, answers or [], takes_s, retries, stop_after, str(tmp_path / "records.csv")])
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), argument]
    root = Path(__file__).parent.parent.parent
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=root).stdout)


def test_slow_answers_delay_no_later_request(tmp_path: Path) -> None:
    told = dispatch(tmp_path, [0.0, 0.1, 0.2, 0.3], takes_s=0.5)
    lags_s = [send_s - intended_s for _, _, intended_s, send_s, *_ in told["records"]]
    assert max(lags_s) < 0.05
    assert min(lags_s) >= 0.0
    assert told["outstanding_max"] == 4
    assert told["complete"] is True


def test_each_request_carries_its_key_host_id_and_timeout(tmp_path: Path) -> None:
    told = dispatch(tmp_path, [0.0, 0.05])
    assert told["seen"] == [
        ["GET", "/item/40", "tv.example", "0-0", 10.0],
        ["GET", "/item/41", "tv.example", "1-0", 10.0],
    ]


def test_failed_attempts_are_repeated_after_their_backoff_until_one_succeeds(tmp_path: Path) -> None:
    told = dispatch(tmp_path, [0.0], [(503, ""), (0, "reset"), (200, "")], retries=3)
    assert [(row[1], row[5], row[6]) for row in told["records"]] == [(0, 503, ""), (1, 0, "reset"), (2, 200, "")]
    first, second, third = told["records"]
    assert 0.01 <= second[3] - first[4] < 0.06
    assert 0.02 <= third[3] - second[4] < 0.09
    assert {row[2] for row in told["records"]} == {0.0}
    assert (told["sent"], told["done"]) == (1, 1)


def test_retries_end_and_client_errors_are_not_repeated(tmp_path: Path) -> None:
    told = dispatch(tmp_path, [0.0, 0.3], [(503, ""), (429, ""), (404, "")], retries=1)
    assert [(row[0], row[1], row[5]) for row in told["records"]] == [(0, 0, 503), (0, 1, 429), (1, 0, 404)]


def test_what_this_machine_could_not_send_is_dropped_and_not_blamed_on_the_server(tmp_path: Path) -> None:
    told = dispatch(tmp_path, [0.0, 0.05], [(0, "limit")], retries=2)
    assert (told["dropped"], told["complete"], len(told["records"])) == (1, False, 1)


def test_a_stop_ends_sending_at_once_and_waits_briefly_for_answers(tmp_path: Path) -> None:
    told = dispatch(tmp_path, [0.0, 0.05, 8.0], takes_s=0.4, stop_after=2)
    assert (told["sent"], len(told["records"]), told["complete"]) == (2, 2, False)


def test_locusts_own_statistics_see_every_attempt(tmp_path: Path) -> None:
    assert dispatch(tmp_path, [0.0, 0.1], [(503, ""), (200, "")], retries=1)["locust"] == [3, 1]

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from loadgen.records import Recorder, read_rows
from loadgen.users import Plan, users_path
from matchday.load import Load
from matchday.load_outcome import Driven, Measured, empty_schedule, measured, write_measured
from matchday.rundir import RunDirectory
from scenarios.load import load_scenario
from scenarios.traffic import Schedule, build_schedule

QUICK = Path(__file__).parents[2] / "scenarios" / "quick"
STATS = {"sent": 0, "cpu_s": 1.0, "wall_s": 4.0, "workers": [], "aborted": None}


def scenario(tmp_path: Path, traffic: dict[str, Any]) -> Path:
    directory = tmp_path / "scenario"
    directory.mkdir()
    (directory / "app.yaml").write_text((QUICK / "app.yaml").read_text())
    (directory / "locustfile.py").write_text("")
    document = yaml.safe_load((QUICK / "scenario.yaml").read_text())
    (directory / "scenario.yaml").write_text(yaml.safe_dump({**document, "traffic": traffic}))
    return directory


Ran = Callable[..., tuple[Measured, RunDirectory]]


@pytest.fixture
def users_ran(tmp_path: Path) -> Ran:
    """What is measured of 4 s of two users: rows (number, send_s, took_s, status, error), and what was told."""

    def run(
        rows: list[tuple[int, float, float, int, str]], failure: BaseException | None = None, **told: Any
    ) -> tuple[Measured, RunDirectory]:
        phases = [
            {"name": "calm", "duration": "1s", "users": 2, "surge": False},
            {"name": "match", "duration": "3s", "users": [2, 4]},
        ]
        loaded = load_scenario(scenario(tmp_path, {"locustfile": {"file": "locustfile.py", "phases": phases}}))
        directory = RunDirectory.create(loaded, tmp_path / "run")
        child: Any = None
        load = Load(directory, "load", child, 1000.0, 4.0)
        recorder = Recorder()
        for index, (number, send_s, took_s, status, error) in enumerate(rows):
            recorder.add(index, 0, number, send_s, send_s, send_s + took_s, status, error, final=True, size=10)
        load.records.write_bytes(recorder.take())
        load.stats.write_text(json.dumps({**STATS, "sent": len(rows)}))
        said = {"names": {"7": "GET /a", "9": "POST /b"}, "notes": [], "users": [], "raised": {}, "cut_off": 0, **told}
        users_path(load.records).write_text(json.dumps(said))
        wanted = loaded.scenario.traffic.locustfile
        assert wanted is not None
        schedule = empty_schedule(Plan.of(wanted.phases))
        return measured(Driven(loaded, schedule, 1, load, 0.1, 4.0, failure)), directory

    return run


ROWS = [(9, 2.0, 0.5, 200, ""), (7, 0.5, 0.1, 200, ""), (7, 1.5, 0.2, 503, ""), (7, 4.2, 0.1, 200, "")]


def test_users_requests_belong_to_the_phase_they_were_sent_in(users_ran: Ran) -> None:
    found, _ = users_ran(ROWS)
    calm, match = found.outcome.phases
    assert (calm.offered_rps, calm.success_ratio, calm.surge) == (1.0, 1.0, False)
    assert match.offered_rps == pytest.approx(2 / 3)
    assert match.success_ratio == 0.5
    assert match.failures.server_error == 0.5
    assert match.latency_s.max == pytest.approx(0.5)


def test_users_rows_are_put_in_order_and_their_kinds_numbered(users_ran: Ran) -> None:
    found, run = users_ran(ROWS)
    rows = read_rows(run.path / "load.records")
    assert rows["send_s"].tolist() == [0.5, 1.5, 2.0, 4.2]
    assert rows["index"].tolist() == [0, 1, 2, 3]
    assert [found.paths[kind] for kind in rows["request"]] == ["GET /a", "GET /a", "POST /b", "GET /a"]
    assert json.loads((run.path / "load.names.json").read_text()) == ["GET /a", "POST /b"]


def test_a_healthy_run_of_users_is_valid_and_says_nothing_of_proxies(users_ran: Ran) -> None:
    validity = users_ran(ROWS)[0].outcome.validity
    assert validity is not None
    assert (validity.verdict, validity.reasons, validity.proxy_cores) == ("valid", (), None)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            {"raised": {"A.pay raised KeyError: 'x' (locustfile.py:3)": 4}},
            "A.pay raised KeyError: 'x' (locustfile.py:3), 4 times",
        ),
        ({"cut_off": 3}, "3 users were cut off inside a task"),
        ({"users": [[t, 20, 12] for t in range(4)]}, "12 of 20 users ran 2 s into the phases"),
    ],
)
def test_what_users_did_otherwise_makes_a_run_degraded(users_ran: Ran, told: dict[str, Any], said: str) -> None:
    validity = users_ran(ROWS, **told)[0].outcome.validity
    assert validity is not None
    assert validity.verdict == "degraded"
    assert validity.reasons[0].startswith(said)


def test_users_that_are_briefly_fewer_are_no_reason(users_ran: Ran) -> None:
    validity = users_ran(ROWS, users=[[0.0, 2, 2], [1.0, 20, 2], [2.0, 20, 20], [3.0, 20, 19]])[0].outcome.validity
    assert validity is not None
    assert validity.verdict == "valid"


def test_a_run_that_sent_nothing_is_invalid(users_ran: Ran) -> None:
    validity = users_ran([])[0].outcome.validity
    assert validity is not None
    assert (validity.verdict, validity.reasons) == ("invalid", ("no request was sent",))


def test_a_run_cut_short_keeps_what_it_measured_and_is_invalid(users_ran: Ran) -> None:
    found, _ = users_ran(ROWS[:2], failure=KeyboardInterrupt())
    assert found.outcome.total.end_s == pytest.approx(3.0)
    assert found.outcome.total.success_ratio == 1.0
    assert found.outcome.validity is not None
    assert found.outcome.validity.reasons[0] == "interrupted"


def test_histograms_are_written_in_each_form(users_ran: Ran) -> None:
    found, run = users_ran(ROWS)
    write_measured(run, found, 1000.0)
    lines = (run.path / "histograms.csv").read_text().splitlines()
    assert sum(line.startswith("POST /b,match,2xx") for line in lines) == 2
    assert "GET%20/a|calm|2xx|send" in (run.path / "load.hlog").read_text()
    for name in ("intended.hgrm", "send.hgrm"):
        assert "TotalCount     =        2.000" in (run.path / name).read_text()


def test_a_schedule_is_judged_by_what_it_planned(tmp_path: Path) -> None:
    loaded = load_scenario(QUICK)
    schedule: Schedule = build_schedule(loaded, 1)
    run = RunDirectory.create(loaded, tmp_path / "run")
    child: Any = None
    load = Load(run, "load", child, 1000.0, schedule.duration_s)
    recorder = Recorder()
    for index, intended_s in enumerate(schedule.intended_s[:100].tolist()):
        recorder.add(index, 0, 0, intended_s, intended_s + 0.001, intended_s + 0.05, 200, "", final=True, size=1)
    load.records.write_bytes(recorder.take())
    found = measured(Driven(loaded, schedule, 1, load, 0.1, 100.0, None))
    assert found.outcome.validity is not None
    assert found.outcome.validity.reasons[0].startswith(f"100 of {len(schedule.intended_s)} planned requests")
    assert np.allclose(found.rows["intended_s"], schedule.intended_s[:100])

from __future__ import annotations

import csv
import json
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from matchday.cli import main
from matchday.commands import predict
from matchday.commands.predict import Futures
from scenarios.errors import ScenarioError
from scenarios.outcome import Interval, Outcome

QUICK = Path(__file__).parents[3] / "scenarios" / "quick"


def run(futures: Futures | None = None, *, seed: int | None = None, as_json: bool = True) -> int:
    few = futures or Futures(replications=2, workers=1)
    return predict.run(QUICK, few, seed=seed, calibration=None, trace=None, as_json=as_json)


def command(*words: str) -> int:
    return main(["predict", str(QUICK), "--workers", "1", *words])


def test_same_seed_same_bytes_but_for_the_moment(capsys: pytest.CaptureFixture[str]) -> None:
    run(seed=3)
    first = json.loads(capsys.readouterr().out)
    run(seed=3)
    second = json.loads(capsys.readouterr().out)
    first.pop("created_at")
    second.pop("created_at")
    assert json.dumps(first) == json.dumps(second)


def test_every_figure_of_a_prediction_has_its_interval(capsys: pytest.CaptureFixture[str]) -> None:
    run()
    outcome = Outcome.model_validate_json(capsys.readouterr().out)
    assert isinstance(outcome.total.latency_s.p99, Interval)
    assert outcome.total.latency_s.p99.low <= outcome.total.latency_s.p99.value <= outcome.total.latency_s.p99.high


def test_a_surge_that_will_not_hold_is_exit_code_1_and_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(seed=7, as_json=False) == 1
    out = capsys.readouterr().out
    assert "surge" in out
    assert "Medians of 2 futures with 5th to 95th percentile, seed 7, from the declared workload." in out
    assert "The SLO holds in 0% of them." in out


def test_with_json_stdout_is_the_outcome_and_the_rest_is_said_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--replications", "2", "--json") == 1
    captured = capsys.readouterr()
    assert Outcome.model_validate_json(captured.out).replications == 2
    assert "from the declared workload" in captured.err


def test_twenty_futures_are_taken_when_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    run(Futures(workers=1))
    assert json.loads(capsys.readouterr().out)["replications"] == 20


def test_a_precision_is_reached_or_admitted_to_be_missed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--precision", "20%") == 1
    said = capsys.readouterr().out
    assert "± 20 % asked for: reached with 10 futures. The widest 90 % interval of a median: slo.met ±" in said
    assert command("--precision", "0.5%", "--max-replications", "12") == 1
    said = capsys.readouterr().out
    assert "± 0.5 % asked for: not reached within 12 futures." in said
    assert "Medians of 12 futures" in said


def test_a_precision_stops_where_it_stops_whoever_does_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    for workers in (1, 2):
        run(Futures(precision="8%", workers=workers))
    outcomes = [json.loads(text) for text in re.findall(r"(?ms)^\{$.*?^\}$", capsys.readouterr().out)]
    for outcome in outcomes:
        outcome.pop("created_at")
    assert len(outcomes) == 2
    assert outcomes[0] == outcomes[1]
    assert outcomes[0]["replications"] > 10


@pytest.mark.parametrize(
    ("futures", "words"),
    [
        (Futures(replications=20, precision="5%"), "--replications, --precision: give one of them"),
        (Futures(most=50), "--max-replications: only with --precision"),
        (Futures(precision="0%"), "--precision: 0%: a share such as 5%"),
        (Futures(precision="60%"), "--precision: 60%: a share such as 5%"),
        (Futures(precision="narrow"), "--precision: narrow: a share such as 5%"),
        (Futures(workers=2, scheduler="tcp://a:1"), "--workers, --scheduler: give one of them"),
        (Futures(scheduler="localhost"), "--scheduler: localhost: an address such as tcp://"),
        (Futures(scheduler="http://localhost:8786"), "--scheduler: http://localhost:8786: an address such as tcp://"),
    ],
)
def test_options_that_contradict_each_other_or_say_nothing_are_told(futures: Futures, words: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(words)):
        futures.goal()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "tls://dask.example:8786", "tcp://[::1]:8786"])
def test_an_address_of_a_scheduler_is_taken(address: str) -> None:
    assert Futures(scheduler=address).goal() is None


def test_a_cluster_without_its_extra_is_bad_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(predict, "find_spec", lambda _name: None)
    assert main(["predict", str(QUICK), "--scheduler", "tcp://127.0.0.1:8786"]) == 2
    assert capsys.readouterr().err == "matchday: --scheduler: needs Dask: pip install 'matchday[cluster]'\n"


def test_a_scheduler_that_is_not_there_is_the_environments_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sim.scheduler.CONNECT_S", 0.3)
    assert main(["predict", str(QUICK), "--scheduler", "tcp://127.0.0.1:9", "--json"]) == 3
    assert capsys.readouterr().err.splitlines()[-1].startswith("matchday: tcp://127.0.0.1:9: no Dask scheduler there")


def test_every_request_of_the_first_future_is_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "requests.csv"
    command("--replications", "2", "--seed", "5", "--trace-requests", str(file))
    assert f"requests of the first future are in {file}." in capsys.readouterr().out
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [int(row["request"]) for row in rows] == list(range(len(rows)))
    assert {row["path"] for row in rows} == {"/live"}
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda at: at / "no" / "x.csv", 2, "No such file or directory"),
        (lambda at: at, 2, "Is a directory"),
        (lambda _at: Path("/dev/full"), 3, "No space left on device"),
    ],
    ids=["no directory", "a directory", "a full disk"],
)
def test_a_trace_that_cannot_be_written_is_one_line(
    make: Callable[[Path], Path], code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make(tmp_path)
    assert command("--replications", "2", "--json", "--trace-requests", str(path)) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1] == f"matchday: --trace-requests: {path}: {words}"
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_keeps_the_old_trace_and_no_half_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "requests.csv"
    file.write_text("the one of yesterday")

    def fill(_trace: object, out: object) -> None:
        out.write("request,")  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(predict, "write_csv", fill)
    assert command("--replications", "2", "--trace-requests", str(file)) == 3
    assert capsys.readouterr().err == f"matchday: --trace-requests: {file}: No space left on device\n"
    assert file.read_text() == "the one of yesterday"
    assert list(tmp_path.iterdir()) == [file]


def test_an_interrupted_prediction_leaves_no_half_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_arguments: object, **_options: object) -> Outcome:
        assert [stat.S_ISREG(path.stat().st_mode) for path in tmp_path.iterdir()] == [True]  # it was begun
        raise KeyboardInterrupt

    monkeypatch.setattr(predict, "predict", interrupt)
    assert command("--trace-requests", str(tmp_path / "x.csv")) == 4
    assert list(tmp_path.iterdir()) == []

"""`matchday check`: what was understood, or what is wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from matchday.cli import main
from matchday.commands.check import run, understood
from scenarios.load import load_scenario

LIBRARY = Path(__file__).parents[3] / "scenarios"
SCENARIOS = sorted(file.parent for file in LIBRARY.glob("*/scenario.yaml"))


def as_data(path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    assert run(path, as_json=True) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.name)
def test_every_scenario_of_the_library_is_understood(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = as_data(path, capsys)
    assert data["schema"] == "matchday/check/v1"
    assert data["scenario"] == path.name
    assert data["scenario_sha256"] == load_scenario(path).sha256
    assert data["requests"] == pytest.approx(sum(phase["requests"] for phase in data["phases"]), abs=0.1)
    assert sum(request["share"] for request in data["mix"]) == pytest.approx(1, abs=1e-5)
    assert {request["backend"] for request in data["mix"]} == {backend["name"] for backend in data["backends"]}
    assert data["warnings"] == []
    assert run(path, as_json=False) == 0
    text = capsys.readouterr().out
    assert all(phase["name"] in text for phase in data["phases"])


def test_a_phase_shows_its_mean_and_peak_rate_and_expected_requests() -> None:
    phases = understood(load_scenario(LIBRARY / "election-night"))["phases"]
    assert isinstance(phases, list)
    (ramp,) = (phase for phase in phases if phase["name"] == "south closes")
    assert (ramp["start_s"], ramp["end_s"], ramp["surge"]) == (60.0, 65.0, True)
    assert (ramp["mean_rps"], ramp["peak_rps"], ramp["requests"]) == (90.0, 120.0, 450.0)


def test_requests_are_followed_to_the_pods_that_answer_them(capsys: pytest.CaptureFixture[str]) -> None:
    data = as_data(LIBRARY / "match-day", capsys)
    assert [(request["path"], request["backend"]) for request in data["mix"]] == [
        ("/live", "default_live_http"),
        ("/scores", "default_live_http"),
        ("/account/login", "default_account_http"),
    ]
    account = data["backends"][1]
    assert (account["deployment"], account["min_replicas"], account["max_replicas"]) == ("account", 1, 3)
    assert (account["balance"], account["pod_maxconn"], account["timeout_queue_s"]) == ("roundrobin", 8, 3.0)


def test_what_goes_wrong_on_the_way_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(LIBRARY / "flash-crowd", as_json=False) == 0
    assert "at 40 s: kill 1 of the pods\n" in capsys.readouterr().out


def test_warnings_are_told_and_do_not_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(LIBRARY / "quick", tmp_path / "quick")
    file = tmp_path / "quick" / "app.yaml"
    file.write_text(file.read_text().replace('pod-maxconn: "4"', 'pod-maxconn: "[four]"'))
    assert main(["check", str(tmp_path / "quick")]) == 0
    captured = capsys.readouterr()
    assert 'haproxy.org/pod-maxconn"]: [four]: a whole number' in captured.out
    assert captured.err == ""


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_mistake_is_one_line_on_stderr_and_exit_code_2(
    tmp_path: Path, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(LIBRARY / "quick", tmp_path / "quick")
    file = tmp_path / "quick" / "scenario.yaml"
    file.write_text(file.read_text().replace("p99: 400ms", "p99: fast"))
    assert main(["check", str(tmp_path / "quick"), *flags]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert f"{file}:" in captured.err
    assert ": slo.p99: fast: a duration with its unit" in captured.err

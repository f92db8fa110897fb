"""A rehearsal interrupted at any stage, or robbed of one of its processes, says so, keeps what it has, leaves nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadgen.records import read_rows
from scenarios.calibration import Calibration, PathCalibration
from scenarios.load import load_scenario
from scenarios.outcome import Outcome

pytestmark = [pytest.mark.integration, pytest.mark.slow]
QUICK = Path(__file__).parents[2] / "scenarios" / "quick"
SHORT = {"duration: 20s, rps: 12": "duration: 3s, rps: 12", "duration: 60s, rps: 240": "duration: 8s, rps: 120"}
DEADLINE_S = 90.0


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """Quick, shortened to 14 s."""
    directory = tmp_path / "short"
    directory.mkdir()
    text = (QUICK / "scenario.yaml").read_text()
    for long, short in SHORT.items():
        assert long in text
        text = text.replace(long, short)
    (directory / "scenario.yaml").write_text(text)
    (directory / "app.yaml").write_text((QUICK / "app.yaml").read_text())
    return directory


def calibration_of(scenario: Path, tmp_path: Path) -> Path:
    loaded = load_scenario(scenario)
    made = Calibration(
        scenario=loaded.scenario.name,
        scenario_sha256=loaded.sha256,
        seed=1,
        created_at="2026-11-23T00:00:00+00:00",
        duration_s=1.0,
        paths={"/live": PathCalibration(service_s=(0.05, 0.06, 0.07), cpu_s=0.002)},
        outside_s=(0.001,),
        startup_s=(2.5,),
        rotation_lag_s=(0.002,),
        decision_lag_s=(0.01,),
        idle_cores=0.0,
    )
    path = tmp_path / "calibration.json"
    path.write_text(made.model_dump_json(indent=1))
    return path


@pytest.fixture
def calibration(scenario: Path, tmp_path: Path) -> Path:
    """A calibration to skip that stage with."""
    return calibration_of(scenario, tmp_path)


class Rehearsed:
    """A `matchday rehearse` under way."""

    def __init__(self, process: subprocess.Popen[str], run: Path) -> None:
        self.process, self.run = process, run

    def wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def stage(self) -> str:
        try:
            return str(json.loads((self.run / "status.json").read_text())["stage"])
        except (FileNotFoundError, ValueError):
            return ""

    def sent(self) -> int:
        return len(read_rows(self.run / "surge.records"))

    def end(self) -> tuple[int, str]:
        """Exit code and stderr; every process it had started must be gone."""
        family = descendants(self.process.pid)
        _, err = self.process.communicate(timeout=DEADLINE_S)
        deadline = time.monotonic() + 5
        while (left := [pid for pid in family if alive(pid)]) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert left == [], [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left]
        return self.process.returncode, err


@contextmanager
def rehearsing(scenario: Path, run: Path, *arguments: str) -> Iterator[Rehearsed]:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "matchday",
            "rehearse",
            str(scenario),
            "--out",
            str(run),
            "--replications",
            "4",
            *arguments,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield Rehearsed(process, run)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def offered(measured: Outcome) -> float:
    rate = measured.total.offered_rps
    assert isinstance(rate, float)
    return rate * measured.total.end_s


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found[1:]


def child_running(of: int, word: str) -> int:
    """The pid of a descendant whose command line holds `word`, the latest started."""
    matching = [p for p in descendants(of) if word.encode() in Path(f"/proc/{p}/cmdline").read_bytes()]
    assert matching, word
    return max(matching)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("stage", ["start", "calibrate", "predict"])
def test_a_signal_before_the_surge_ends_everything(
    scenario: Path, tmp_path: Path, stage: str, number: signal.Signals
) -> None:
    run = tmp_path / "run"
    fake = stage == "predict"
    arguments = ("--calibration", str(calibration_of(scenario, tmp_path))) if fake else ()
    with rehearsing(scenario, run, *arguments) as rehearsed:
        rehearsed.wait_for(lambda: rehearsed.stage() == stage)
        rehearsed.process.send_signal(number)
        code, err = rehearsed.end()
    assert code == 4
    assert err.count("\n") == 1
    assert "interrupted" in err
    assert not (run / "measurement.json").exists()
    assert (run / "report.html").exists()


def test_ctrl_c_in_the_surge_keeps_what_was_measured(scenario: Path, calibration: Path, tmp_path: Path) -> None:
    with rehearsing(scenario, tmp_path / "run", "--calibration", str(calibration)) as rehearsed:
        rehearsed.wait_for(lambda: rehearsed.sent() > 300)
        rehearsed.process.send_signal(signal.SIGINT)
        code, err = rehearsed.end()
    assert code == 4
    assert "interrupted" in err
    measured = Outcome.model_validate_json((tmp_path / "run" / "measurement.json").read_text())
    assert measured.validity is not None
    assert measured.validity.verdict == "invalid"
    assert 0.9 * rehearsed.sent() <= offered(measured) <= rehearsed.sent()
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.parametrize(("victim", "named"), [("haproxy.cfg", "HAProxy died"), ("loadgen", "load generator died")])
def test_a_killed_proxy_or_generator_ends_the_run_with_its_name(
    scenario: Path, calibration: Path, tmp_path: Path, victim: str, named: str
) -> None:
    with rehearsing(scenario, tmp_path / "run", "--calibration", str(calibration)) as rehearsed:
        rehearsed.wait_for(lambda: rehearsed.sent() > 300)
        os.kill(child_running(rehearsed.process.pid, victim), signal.SIGKILL)
        code, err = rehearsed.end()
    assert code == 3
    assert err.count("\n") == 1
    assert named in err
    measured = Outcome.model_validate_json((tmp_path / "run" / "measurement.json").read_text())
    assert measured.validity is not None
    assert measured.validity.verdict == "invalid"
    assert any(named in reason for reason in measured.validity.reasons)
    assert offered(measured) > 200


def test_a_killed_pod_is_replaced_and_the_run_goes_on_degraded(
    scenario: Path, calibration: Path, tmp_path: Path
) -> None:
    with rehearsing(scenario, tmp_path / "run", "--calibration", str(calibration)) as rehearsed:
        rehearsed.wait_for(lambda: rehearsed.sent() > 300)
        os.kill(child_running(rehearsed.process.pid, "matchday.standin"), signal.SIGKILL)
        code, _ = rehearsed.end()
    measured = Outcome.model_validate_json((tmp_path / "run" / "measurement.json").read_text())
    assert measured.validity is not None
    # a machine that others keep busy makes any run invalid, and then that is said instead
    busy = any("busy" in r or "was late" in r for r in measured.validity.reasons)
    assert (measured.validity.verdict, code) in ({("invalid", 4)} if busy else set()) | {
        ("degraded", 0),
        ("degraded", 1),
    }
    assert any("died (signal SIGKILL)" in reason for reason in measured.validity.reasons)
    assert measured.validity.sent == measured.validity.planned
    events = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    assert any("its Deployment starts another" in event["text"] for event in events)


def test_kill_9_of_matchday_itself_leaves_no_process(scenario: Path, calibration: Path, tmp_path: Path) -> None:
    with rehearsing(scenario, tmp_path / "run", "--calibration", str(calibration)) as rehearsed:
        rehearsed.wait_for(lambda: rehearsed.sent() > 100)
        rehearsed.process.kill()
        rehearsed.end()

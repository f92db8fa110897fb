"""The command line of the generator. What it does when all is well is in tests/integration/test_openloop.py."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scenarios.traffic import Schedule, save_schedule


def run(directory: Path, target: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """What it writes goes beside the scenario, which is a directory of the test's own."""
    missing = str(directory.parent / "none")
    command = [sys.executable, "-m", "loadgen", "run", "--scenario", str(directory), "--seed", "1", "--target", target]
    command += ["--schedule", f"{missing}.npz", "--records", f"{missing}.csv", "--stats", f"{missing}.json"]
    command += ["--epoch", "0", *words]
    root = Path(__file__).parent.parent.parent
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=root)


@pytest.mark.parametrize("target", ["127.0.0.1", "127.0.0.1:http", ":80", "127.0.0.1:99999"])
def test_a_target_is_a_host_and_a_port(scenario_dir: Callable[..., Path], target: str) -> None:
    ended = run(scenario_dir(), target)
    assert (ended.returncode, ended.stderr) == (2, f"--target: {target}: HOST:PORT\n")


def test_load_goes_to_loopback_unless_whoever_asks_owns_the_host(
    scenario_dir: Callable[..., Path], schedule_at: Callable[..., Schedule], tmp_path: Path
) -> None:
    save_schedule(schedule_at([]), tmp_path / "none.npz")
    ended = run(scenario_dir(), "192.0.2.1:80")
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "--i-own-this-host" in ended.stderr
    assert run(scenario_dir(), "192.0.2.1:80", "--owned").returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--abort-on", "often"], "--abort-on: often: a share"),
        (["--processes", "2", "--expect-workers", "2"], "--processes: not together with --expect-workers"),
        (["--expect-workers", "1", "--bind", "5557"], "--bind: 5557: HOST:PORT"),
    ],
)
def test_words_that_cannot_be_used_are_one_line(
    scenario_dir: Callable[..., Path],
    schedule_at: Callable[..., Schedule],
    tmp_path: Path,
    words: list[str],
    said: str,
) -> None:
    save_schedule(schedule_at([]), tmp_path / "none.npz")
    ended = run(scenario_dir(), "127.0.0.1:80", *words)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert ended.stderr.startswith(said)


def test_a_missing_scenario_is_one_line(tmp_path: Path) -> None:
    ended = run(tmp_path / "nowhere", "127.0.0.1:80")
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1

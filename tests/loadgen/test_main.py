"""The command line of the generator. What it does when all is well is in tests/integration/test_openloop.py."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


def run(directory: Path, target: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """What it writes goes beside the scenario, which is a directory of the test's own."""
    missing = str(directory.parent / "none")
    command = [sys.executable, "-m", "loadgen", "run", "--scenario", str(directory), "--seed", "1", "--target", target]
    command += ["--schedule", f"{missing}.npz", "--records", f"{missing}.csv", "--stats", f"{missing}.json"]
    command += ["--epoch", "0", *words]
    root = Path(__file__).parent.parent.parent
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=root)


@pytest.mark.parametrize("target", ["example.org:80", "10.0.0.1:80", "127.0.0.1", "127.0.0.1:http"])
def test_load_goes_to_loopback_only(scenario_dir: Callable[..., Path], target: str) -> None:
    ended = run(scenario_dir(), target)
    assert (ended.returncode, ended.stderr) == (2, f"--target: {target}: HOST:PORT on 127.0.0.0/8\n")


def test_load_goes_elsewhere_only_where_whoever_asks_owns_the_host(scenario_dir: Callable[..., Path]) -> None:
    ended = run(scenario_dir(), "192.0.2.1:80", "--owned")
    assert "127.0.0.0/8" not in ended.stderr
    assert "none.npz" in ended.stderr  # it came as far as its schedule


def test_a_missing_scenario_is_one_line(tmp_path: Path) -> None:
    ended = run(tmp_path / "nowhere", "127.0.0.1:80")
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1

"""Locust's own command line sends a scenario's schedule, alone and with its own `--processes`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadgen.records import read_rows
from tests.integration.static_server import StaticServer

ROOT = Path(__file__).parents[2]
HOST = f"127.96.{1 + os.getpid() % 250}.9"


def locust(scenario: Path, out: Path, host: str, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "locust", "-f", str(ROOT / "loadgen" / "locust_run.py"), "--headless", "-H", host]
    command += ["--scenario", str(scenario), "--out", str(out), "--only-summary", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("words", [(), ("--processes", "2")], ids=["local runner", "two processes"])
def test_locusts_own_command_sends_the_whole_schedule(
    scenario_dir: Callable[..., Path], tmp_path: Path, words: tuple[str, ...]
) -> None:
    phases: list[dict[str, Any]] = [{"name": "all", "duration": "2s", "rps": 100}]
    scenario = scenario_dir(phases=phases, arrivals="even")
    with StaticServer(tmp_path, HOST) as server:
        ended = locust(scenario, tmp_path / "out", f"http://{HOST}:{server.port}", *words)
    assert ended.returncode == 0, ended.stderr
    stats = json.loads((tmp_path / "out" / "load-stats.json").read_text())
    assert (stats["sent"], stats["complete"], len(stats["workers"])) == (200, True, 2 if words else 1)
    assert sorted(read_rows(tmp_path / "out" / "load.records")["index"].tolist()) == list(range(200))
    summary = [line.split() for line in ended.stderr.splitlines() + ended.stdout.splitlines() if "/live" in line]
    assert any("200" in line for line in summary), "Locust's own table counts them too"


def test_a_host_that_is_not_loopback_is_refused_in_one_line(scenario_dir: Callable[..., Path], tmp_path: Path) -> None:
    ended = locust(scenario_dir(), tmp_path / "out", "http://192.0.2.1:80")
    assert ended.returncode == 2
    assert "matchday: --to: 192.0.2.1:80: loopback" in ended.stdout

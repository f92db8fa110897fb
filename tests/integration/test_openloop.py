"""The generator as a rehearsal runs it: a process, a schedule, a stand-in pod."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from loadgen.progress import Said
from loadgen.records import Attempt, read_records
from scenarios.traffic import PhaseSpan, Schedule, save_schedule

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parent.parent.parent
QUICK = ROOT / "scenarios" / "quick"
# Tests in parallel processes have addresses of their own.
HOST, PORT = f"127.71.{1 + os.getpid() % 250}.9", 19473
LEAD_S = 2.5


class Generator:
    """One run of `python -m loadgen`."""

    def __init__(self, tmp_path: Path, times_s: list[float], traffic: dict[str, Any], request: dict[str, Any]) -> None:
        directory = tmp_path / "scenario"
        directory.mkdir()
        for source in QUICK.glob("*.yaml"):
            (directory / source.name).write_text(source.read_text())
        document = yaml.safe_load((QUICK / "scenario.yaml").read_text())
        document["traffic"].update(traffic)
        document["traffic"]["requests"][0].update(request)
        (directory / "scenario.yaml").write_text(yaml.safe_dump(document))
        n = len(times_s)
        client = np.arange(n) % document["traffic"].get("clients", 1)
        zeros = np.zeros(n, np.int32)
        span = PhaseSpan("all", 0.0, 10.0, surge=True)
        schedule = Schedule(np.array(times_s), zeros, np.zeros(n, np.int64), client.astype(np.int32), (span,), 10.0)
        save_schedule(schedule, tmp_path / "schedule.npz")
        self.records, self.stats = tmp_path / "records", tmp_path / "stats.json"
        self.epoch = time.monotonic() + LEAD_S
        command = [sys.executable, "-m", "loadgen", "run", "--scenario", str(directory), "--seed", "1"]
        command += ["--schedule", str(tmp_path / "schedule.npz"), "--target", f"{HOST}:{PORT}"]
        command += ["--epoch", repr(self.epoch), "--records", str(self.records), "--stats", str(self.stats)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def end(self) -> tuple[list[Attempt], Any, list[dict[str, Any]]]:
        """Records, stats and progress lines of a run that ends by itself or was told to."""
        said, _ = self.process.communicate(timeout=30)
        assert self.process.returncode == 0
        return (
            read_records(self.records),
            json.loads(self.stats.read_text()),
            [told for line in said.splitlines() if "sent" in (told := json.loads(line))],
        )


@pytest.fixture
def generate(tmp_path: Path) -> Iterator[Callable[..., Generator]]:
    runs: list[Generator] = []

    def begin(
        times_s: list[float], traffic: dict[str, Any] | None = None, request: dict[str, Any] | None = None
    ) -> Generator:
        runs.append(Generator(tmp_path, times_s, traffic or {}, request or {}))
        return runs[-1]

    yield begin
    for run in runs:
        run.process.kill()
        run.process.wait()


@pytest.fixture
def pod(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Answers in 50 ms."""
    behaviour = {"time": {"constant": 0.05}, "cpu": 0.0, "bytes": 12288}
    document = {
        "paths": {"/live": behaviour},
        "startup": {"mean": 0.01, "cv": 0},
        "discipline": "shared-cpu",
        "workers": 1,
    }
    path = tmp_path / "workload.json"
    path.write_text(json.dumps(document))
    command = [sys.executable, "-m", "matchday.standin", "--host", HOST, "--port", str(PORT), "--seed", "1"]
    process = subprocess.Popen([*command, "--workload", str(path)], cwd=ROOT)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, PORT), timeout=1).close()
            break
        except ConnectionError:
            time.sleep(0.01)
    yield process
    process.kill()
    process.wait()


@pytest.mark.usefixtures("pod")
def test_a_schedule_is_sent_whole_and_on_time(generate: Callable[..., Generator]) -> None:
    times_s = np.sort(np.random.default_rng(1).random(480) * 2.0).tolist()
    records, stats, progress = generate(times_s).end()
    assert [record.index for record in sorted(records, key=lambda r: r.index)] == list(range(480))
    assert all(record.good and record.bytes == 12288 for record in records)
    assert min(record.send_s - record.intended_s for record in records) >= 0
    assert (stats["planned"], stats["sent"], stats["complete"], stats["dropped_outstanding"]) == (480, 480, True, 0)
    assert stats["dispatch_lag_p99_s"] < 0.05
    assert progress[-1]["ok"] == 480
    assert set(progress[0]) == {field.name for field in fields(Said)}
    assert {line["phase"] for line in progress} == {"all"}


def test_a_server_that_stops_answering_delays_no_request_and_counts_in_full(
    generate: Callable[..., Generator], pod: "subprocess.Popen[bytes]"
) -> None:
    run = generate([i / 50 for i in range(100)])
    while time.monotonic() < run.epoch + 0.5:
        time.sleep(0.005)
    pod.send_signal(signal.SIGSTOP)
    while time.monotonic() < run.epoch + 1.5:
        time.sleep(0.005)
    pod.send_signal(signal.SIGCONT)
    records, stats, _ = run.end()
    assert stats["sent"] == 100
    assert max(record.send_s - record.intended_s for record in records) < 0.1
    # A closed loop would have one latency of a second and send little; here all that were due in it waited.
    waited = [record for record in records if record.done_s - record.intended_s > 0.1]
    assert 40 <= len(waited) <= 55
    assert max(record.done_s - record.intended_s for record in records) == pytest.approx(1.05, abs=0.12)


@pytest.mark.usefixtures("pod")
def test_told_to_stop_it_keeps_what_was_measured(generate: Callable[..., Generator]) -> None:
    run = generate([i / 50 for i in range(500)])
    while time.monotonic() < run.epoch + 1.0:
        time.sleep(0.005)
    run.process.send_signal(signal.SIGTERM)
    records, stats, _ = run.end()
    assert time.monotonic() < run.epoch + 3.0
    assert stats["complete"] is False
    assert 40 <= stats["sent"] == len(records) <= 60


@pytest.mark.usefixtures("pod")
def test_killed_it_leaves_all_but_the_last_second(generate: Callable[..., Generator]) -> None:
    run = generate([i / 50 for i in range(500)])
    while time.monotonic() < run.epoch + 2.0:
        time.sleep(0.005)
    run.process.kill()
    run.process.wait()
    assert len(read_records(run.records)) >= 40


def test_nobody_listening_is_recorded_and_tried_again(generate: Callable[..., Generator]) -> None:
    records, stats, _ = generate([0.0], request={"retries": 2, "backoff": "10ms"}).end()
    assert [(record.attempt, record.status, record.error) for record in records] == [
        (0, 0, "connect"),
        (1, 0, "connect"),
        (2, 0, "connect"),
    ]
    assert stats["complete"] is True


def test_each_client_has_an_address_of_its_own(generate: Callable[..., Generator]) -> None:
    with socket.create_server((HOST, PORT), backlog=16) as server:
        run = generate([0.0, 0.01, 0.02, 0.03], traffic={"clients": 3}, request={"timeout": "500ms"})
        accepted = [server.accept() for _ in range(4)]
        records, _, _ = run.end()
        for connection, _ in accepted:
            connection.close()
    assert sorted(address[0] for _, address in accepted) == ["127.0.1.1", "127.0.1.1", "127.0.1.2", "127.0.1.3"]
    assert {record.error for record in records} == {"timeout"}

"""`matchday load` against a real server: a person's own locustfile, and a schedule."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from loadgen.records import read_records
from matchday.report.record import read_model
from scenarios.outcome import Outcome

pytestmark = [pytest.mark.integration, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
QUICK = ROOT / "scenarios" / "quick"
# Tests in parallel processes have addresses of their own.
HOST = f"127.79.{1 + os.getpid() % 250}.3"

USERS = """
from locust import FastHttpUser, HttpUser, constant, events, task

calls = {"init": 0}


@events.init.add_listener
def at_first(environment, **_):
    calls["init"] += 1


class Reader(HttpUser):
    weight = 3
    host = "http://192.0.2.1"
    wait_time = constant(0.1)

    def on_start(self):
        assert calls["init"] == 1
        self.client.get("/login")

    @task(4)
    def read(self):
        self.client.get("/live", name="/live by name")

    @task
    def broken(self):
        self.client.get("/broken")


class Buyer(FastHttpUser):
    wait_time = constant(0.1)

    @task(5)
    def buy(self):
        self.client.post("/buy", json={"seat": 7})

    @task
    def check(self):
        with self.client.get("/live", name="/checked", catch_response=True) as answer:
            answer.failure("no seat in the page")

    @task
    def slip(self):
        raise KeyError("basket")
"""
PHASES: list[dict[str, Any]] = [
    {"name": "calm", "duration": "2s", "users": 4},
    {"name": "rush", "duration": "2s", "users": [4, 12]},
    {"name": "match", "duration": "2s", "users": 20},
    {"name": "after", "duration": "2s", "users": 2},
]


def planned_at(t_s: float) -> float:
    """Users that PHASES mean, which last 2 s each."""
    phase = PHASES[max(0, int(t_s / 2))]["users"]
    first, last = phase if isinstance(phase, list) else (phase, phase)
    return float(first + (last - first) * (max(0.0, t_s) % 2) / 2)


class Server(ThreadingHTTPServer):
    """Counts what it was asked for."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        super().__init__((HOST, 0), Handler)
        self.address = f"{HOST}:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.counts[f"{self.command} {self.path}"] += 1
        self.send_response(500 if self.path == "/broken" else 200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.shutdown()
    server.server_close()


class Person:
    """Somebody with a scenario directory who runs `matchday load`."""

    def __init__(self, tmp_path: Path, server: Server) -> None:
        self.scenario, self.run, self._server = tmp_path / "scenario", tmp_path / "run", server
        self.scenario.mkdir()

    def writes(self, users: str, phases: list[dict[str, Any]]) -> None:
        self.traffic({"locustfile": {"file": "locustfile.py", "phases": phases}})
        (self.scenario / "locustfile.py").write_text(users)

    def traffic(self, traffic: dict[str, Any]) -> None:
        (self.scenario / "app.yaml").write_text((QUICK / "app.yaml").read_text())
        document = yaml.safe_load((QUICK / "scenario.yaml").read_text())
        document["traffic"] = traffic
        (self.scenario / "scenario.yaml").write_text(yaml.safe_dump(document))

    def starts(self, *options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "matchday", "load", str(self.scenario), "--to", self._server.address]
        return subprocess.Popen(
            [*command, "--out", str(self.run), *options],
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def loads(self, *options: str) -> tuple[int, str, str]:
        process = self.starts(*options)
        said, wrong = process.communicate(timeout=60)
        return process.returncode, said, wrong

    def outcome(self) -> Outcome:
        return read_model(self.run / "measurement.json", Outcome)

    def names(self) -> Counter[str]:
        """How often each kind of request was recorded."""
        names = json.loads((self.run / "load.names.json").read_text())
        return Counter(names[attempt.request] for attempt in read_records(self.run / "load.records"))


@pytest.fixture
def person(tmp_path: Path, server: Server) -> Person:
    return Person(tmp_path, server)


@pytest.mark.parametrize("processes", [0, 2])
def test_users_of_two_classes_follow_the_phases_and_are_counted_as_the_server_counts(
    person: Person, server: Server, processes: int
) -> None:
    person.writes(USERS, PHASES)
    code, said, _ = person.loads("--processes", str(processes))
    told = json.loads((person.run / "load.users.json").read_text())
    for t_s, _, running in told["users"]:
        lately = [planned_at(t_s - back / 10) for back in range(14)]
        assert min(lately) - 1 <= running <= max(lately) + 1, (t_s, running)
    assert len(told["users"]) >= 5
    names = person.names()
    assert names["GET /live by name"] + names["GET /checked"] == server.counts["GET /live"]
    assert names["POST /buy"] == server.counts["POST /buy"] > 0
    assert names["GET /broken"] == server.counts["GET /broken"] > 0
    assert names["GET /login"] == server.counts["GET /login"] >= 12
    outcome = person.outcome()
    calm, _, match, _ = outcome.phases
    assert [phase.name for phase in outcome.phases] == ["calm", "rush", "match", "after"]
    assert isinstance(match.offered_rps, float)
    assert isinstance(calm.offered_rps, float)
    assert match.offered_rps > 3 * calm.offered_rps
    sent = outcome.total.offered_rps
    assert isinstance(sent, float)
    assert sent * 8.0 == pytest.approx(names.total(), abs=5)
    bad = server.counts["GET /broken"] + names["GET /checked"]
    assert outcome.total.failures.server_error == pytest.approx(bad / names.total(), abs=0.01)
    assert outcome.validity is not None
    assert outcome.validity.verdict == "degraded"
    assert re.match(
        r"Buyer\.slip raised KeyError: 'basket' \(locustfile\.py:\d+\), \d+ times", outcome.validity.reasons[0]
    )
    assert code == 1
    assert re.search(r"match +20 ", said)


def test_an_interrupted_run_keeps_what_its_users_did(person: Person, server: Server) -> None:
    users = "from locust import HttpUser, constant, task\n\n\nclass A(HttpUser):\n    wait_time = constant(0.1)\n\n"
    person.writes(
        users + "    @task\n    def look(self):\n        self.client.get('/look')\n", [{**PHASES[0], "duration": "50s"}]
    )
    process = person.starts()
    deadline = time.monotonic() + 30
    while server.counts["GET /look"] < 40 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, wrong = process.communicate(timeout=30)
    assert process.returncode == 4
    assert "interrupted" in wrong
    assert "Traceback" not in wrong
    outcome = person.outcome()
    assert outcome.total.success_ratio == 1.0
    assert outcome.total.end_s < 30
    assert abs(person.names()["GET /look"] - server.counts["GET /look"]) <= 4
    assert outcome.validity is not None
    assert outcome.validity.verdict == "invalid"


def test_users_that_fail_for_too_long_are_given_up(person: Person) -> None:
    users = "from locust import HttpUser, constant, task\n\n\nclass A(HttpUser):\n    wait_time = constant(0.1)\n\n"
    person.writes(
        users + "    @task\n    def look(self):\n        self.client.get('/broken')\n",
        [{**PHASES[0], "duration": "50s"}],
    )
    code, _, wrong = person.loads("--abort-on", "50%:1s")
    assert code == 4
    assert "--abort-on" in wrong
    assert person.outcome().total.failures.server_error == 1.0


@pytest.mark.parametrize("processes", [0, 2])
def test_a_file_that_does_not_import_is_one_line_with_its_line(person: Person, processes: int) -> None:
    person.writes("import no_such_module\n", PHASES)
    code, _, wrong = person.loads("--processes", str(processes))
    assert code == 2
    assert "scenario/locustfile.py:1: ModuleNotFoundError: No module named 'no_such_module'" in wrong
    assert len(wrong.strip().splitlines()) == 1


def test_a_schedule_is_sent_to_a_server_that_is_there(person: Person, server: Server) -> None:
    phases = [{"name": "calm", "duration": "1s", "rps": 20}, {"name": "rush", "duration": "1s", "rps": 100}]
    person.traffic({"phases": phases, "requests": [{"host": "tv.example", "path": "/live"}]})
    code, said, _ = person.loads("--json")
    outcome = Outcome.model_validate_json(said)
    assert outcome == person.outcome()
    assert code == 0 if outcome.slo.met else 1
    assert outcome.validity is not None
    assert outcome.validity.planned == outcome.validity.sent == server.counts["GET /live"]
    assert (person.run / "events.jsonl").read_text().count("load: to ") == 1
    assert json.loads((person.run / "status.json").read_text())["finished"]


def test_the_worked_example_of_the_docs_works(tmp_path: Path, server: Server) -> None:
    text = (ROOT / "docs" / "locustfile.md").read_text()
    block = {kind: re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)[0] for kind in ("python", "yaml")}
    person = Person(tmp_path, server)
    (person.scenario / "app.yaml").write_text((QUICK / "app.yaml").read_text())
    (person.scenario / "locustfile.py").write_text(block["python"])
    (person.scenario / "scenario.yaml").write_text(block["yaml"])
    _, said, wrong = person.loads()
    assert not wrong
    assert set(person.names()) == {"GET front page", "GET search", "POST buy"}
    assert person.names()["POST buy"] == server.counts["POST /"]
    assert re.search(r"kick-off +4 to 20 ", said)
    assert [phase.name for phase in person.outcome().phases] == ["calm", "kick-off", "match"]
    for name in re.findall(r"`((?:load|histograms|send|measurement)\.[a-z.]+)`", text):
        assert (person.run / name).exists() or name == "loadgen.log", name

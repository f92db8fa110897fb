from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread

import pytest

from balancer.haproxy.binary import Binary
from balancer.haproxy.supervisor import Supervisor, serve_health

# Stands for HAProxy, which tests/integration/test_supervised_haproxy.py has for real: ends when it is told to.
PROGRAM = """#!/bin/sh
echo $$ >> runs
trap 'exit 0' USR1
[ -e dies ] && exit 7
while :; do sleep 0.02; done
"""


def until(something: Callable[[], object], deadline_s: float = 5.0) -> None:
    end = time.monotonic() + deadline_s
    while not something():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.01)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    program = tmp_path / "haproxy"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    made = Supervisor(Binary(program, "2.8.0"), tmp_path, drain_s=0.1, grace_s=5.0)
    yield made
    made.stop()


def runs(tmp_path: Path) -> list[int]:
    path = tmp_path / "runs"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def test_it_starts_as_soon_as_there_is_a_configuration_and_ends_when_told(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    thread = Thread(target=supervisor.run)
    thread.start()
    assert runs(tmp_path) == []
    (tmp_path / "haproxy.cfg").touch()
    until(lambda: len(runs(tmp_path)) == 1)
    supervisor.stop()
    thread.join(timeout=5)
    assert not thread.is_alive()
    assert len(runs(tmp_path)) == 1


def test_one_that_dies_is_started_again_ever_more_slowly(
    supervisor: Supervisor, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dies").touch()
    (tmp_path / "haproxy.cfg").touch()
    thread = Thread(target=supervisor.run)
    began = time.monotonic()
    thread.start()
    until(lambda: len(runs(tmp_path)) >= 4)
    assert time.monotonic() - began > 0.02 + 0.04 + 0.08
    supervisor.stop()
    thread.join(timeout=5)
    assert "HAProxy died (exit code 7); it is started again" in capfd.readouterr().err


def test_told_to_end_before_there_is_a_configuration_it_ends(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.stop()
    supervisor.run()
    assert runs(tmp_path) == []


def test_a_haproxy_that_does_not_answer_is_alive_but_not_ready(supervisor: Supervisor) -> None:
    server = serve_health(supervisor, 0)
    try:
        statuses = {}
        for path in ("/healthz", "/readyz", "/other"):
            connection = HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
            connection.request("GET", path)
            statuses[path] = connection.getresponse().status
            connection.close()
        assert statuses == {"/healthz": 200, "/readyz": 503, "/other": 404}
    finally:
        server.shutdown()
        server.server_close()

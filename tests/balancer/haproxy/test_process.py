from pathlib import Path

import pytest

from balancer.errors import ConfigurationRefusedError, HAProxyUnavailableError
from balancer.haproxy.binary import Binary
from balancer.haproxy.process import HAProxy
from balancer.policy.config import ProxyConfig


def program(tmp_path: Path, script: str) -> HAProxy:
    path = tmp_path / "haproxy"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return HAProxy(Binary(path, "2.8.0"), tmp_path / "run", tmp_path / "proxy.log", bind_port=8000)


CONFIG = ProxyConfig("127.0.0.1", 8000)


def test_files_are_written_only_when_they_change(tmp_path: Path) -> None:
    haproxy = program(tmp_path, "exit 0")
    haproxy.directory.mkdir()
    haproxy.write(CONFIG)
    written = {path.name: path.stat().st_ino for path in haproxy.directory.iterdir()}
    assert set(written) == {"haproxy.cfg", "exact.map", "prefix.map"}
    haproxy.write(CONFIG)
    assert {path.name: path.stat().st_ino for path in haproxy.directory.iterdir()} == written


def test_a_refused_configuration_is_told_by_its_first_alert(tmp_path: Path) -> None:
    haproxy = program(tmp_path, "echo '[ALERT]    (7) : config : no such keyword' >&2; exit 1")
    with pytest.raises(ConfigurationRefusedError, match="refuses its configuration: config : no such keyword"):
        haproxy.start(CONFIG)
    assert (haproxy.running, haproxy.death()) == (False, "never started")


def test_a_haproxy_that_ends_at_once_is_told_by_what_it_said(tmp_path: Path) -> None:
    haproxy = program(tmp_path, '[ "$1" = -c ] && exit 0; echo "[ALERT]    (7) : cannot bind" >&2; exit 3')
    with pytest.raises(HAProxyUnavailableError, match="did not start: cannot bind"):
        haproxy.start(CONFIG)
    assert haproxy.death() == "exit code 3"


def test_stopping_what_never_ran_does_nothing(tmp_path: Path) -> None:
    program(tmp_path, "exit 0").stop()

from pathlib import Path

import pytest

from balancer.errors import HAProxyUnavailableError
from balancer.haproxy.binary import find_binary


def script(path: Path, says: str) -> Path:
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def test_the_wheels_haproxy_is_found_when_none_is_named() -> None:
    assert find_binary().version.startswith("2.")


def test_a_named_haproxy_says_its_version(tmp_path: Path) -> None:
    named = script(tmp_path / "haproxy", "HAProxy version 3.1.2-abc 2026/01/01 - https://haproxy.org/")
    assert (find_binary(named).path, find_binary(named).version) == (named, "3.1.2-abc")


@pytest.mark.parametrize(
    ("says", "complaint"),
    [
        ("HA-Proxy version 2.2.9 2021/02/06", "is HAProxy 2.2.9; 2.6 or later is needed"),
        ("HAProxy version 2.5.1", "is HAProxy 2.5.1; 2.6 or later is needed"),
        ("nginx version: nginx/1.24", "is not HAProxy"),
    ],
)
def test_an_old_haproxy_or_another_program_is_refused(tmp_path: Path, says: str, complaint: str) -> None:
    with pytest.raises(HAProxyUnavailableError, match=complaint):
        find_binary(script(tmp_path / "haproxy", says))


def test_a_missing_file_and_one_that_is_no_program_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(HAProxyUnavailableError, match="no such file"):
        find_binary(tmp_path / "nothing")
    with pytest.raises(HAProxyUnavailableError, match="no such file"):
        find_binary(tmp_path)
    plain = tmp_path / "plain"
    plain.write_text("text")
    with pytest.raises(HAProxyUnavailableError, match="cannot be run as HAProxy: Permission denied"):
        find_binary(plain)
    plain.chmod(0o755)
    with pytest.raises(HAProxyUnavailableError, match="cannot be run as HAProxy: Exec format error"):
        find_binary(plain)

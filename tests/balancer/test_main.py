from __future__ import annotations

import socket
from pathlib import Path

import pytest

from balancer.__main__ import main


def test_durations_are_seconds(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["proxy", "--directory", str(tmp_path), "--drain", "soon"])
    assert ending.value.code == 2
    assert "'soon': seconds, such as 5s" in capsys.readouterr().err


def test_a_port_that_is_taken_is_a_line_and_an_exit_code(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["proxy", "--directory", str(tmp_path), "--ready-port", str(port)]) == 3
    assert capsys.readouterr().err == f"balancer: cannot listen on port {port}: Address already in use\n"


@pytest.mark.parametrize("verb", ["proxy", "controller"])
def test_each_program_needs_the_directory_they_share(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([verb])
    assert "--directory" in capsys.readouterr().err

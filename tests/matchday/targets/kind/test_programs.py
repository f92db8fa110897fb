import sys

import pytest

from matchday.display import Display
from matchday.errors import EnvironmentFailedError
from matchday.targets.kind.programs import ask, failed, need, succeeds, work


def test_a_missing_program_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EnvironmentFailedError, match=r"^kind is not installed: install kind"):
        need("kind")


def test_what_a_program_prints_is_given_and_its_stdin_fed() -> None:
    assert ask(sys.executable, "-c", "print(input())", told="hello\n") == "hello\n"


def test_a_program_that_fails_is_one_line_with_its_error() -> None:
    said = "working\nERROR: no such cluster\nsome advice\n"
    assert failed(("kind", "get"), 1, said) == "`kind get …` ended with exit code 1: ERROR: no such cluster"


def test_long_work_is_done_under_a_stage(capsys: pytest.CaptureFixture[str]) -> None:
    work(Display(as_json=False), "thinking", "a while", sys.executable, "-c", "input()", told="x\n", expected_s=1.0)
    assert "thinking: a while" in capsys.readouterr().out


def test_long_work_that_fails_says_why() -> None:
    words = (sys.executable, "-c", "print('error: no luck'); raise SystemExit(3)")
    with pytest.raises(EnvironmentFailedError, match="exit code 3: error: no luck"):
        work(Display(as_json=False), "thinking", "a while", *words, expected_s=1.0)


def test_success_is_an_exit_code_of_zero() -> None:
    assert succeeds(sys.executable, "-c", "")
    assert not succeeds(sys.executable, "-c", "raise SystemExit(1)")

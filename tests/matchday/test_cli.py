import subprocess
import sys
from pathlib import Path

import pytest

from balancer.errors import HAProxyUnavailableError
from matchday.cli import main
from matchday.commands import check
from matchday.errors import EnvironmentFailedError, InterruptedRunError
from scenarios.errors import ScenarioError

QUICK = Path(__file__).parents[2] / "scenarios" / "quick"
VERBS = ("check", "predict", "calibrate", "rehearse", "compare", "hpa-dry-run", "up", "down")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    text = capsys.readouterr().out
    assert "Example" in text
    assert f"matchday {verb}" in text
    assert "--json" in text


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ScenarioError("scenario.yaml:3: seed: -1: 0 or more"), 2),
        (HAProxyUnavailableError("no HAProxy at /x"), 3),
        (EnvironmentFailedError("HAProxy died"), 3),
        (InterruptedRunError("interrupted"), 4),
        (KeyboardInterrupt(), 4),
    ],
)
def test_an_error_becomes_one_line_and_its_exit_code(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_args: object, **_kwargs: object) -> int:
        raise error

    monkeypatch.setattr(check, "run", fail)
    assert main(["check", str(QUICK)]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"matchday: {str(error) or 'interrupted'}\n"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["chekc"], "No such command"),
        (["check"], "Missing argument"),
        (["predict", "x", "--replications", "1"], "--replications"),
        (["predict", "x", "--seed", "many"], "--seed"),
        (["check", "/no/such/scenario"], "/no/such/scenario"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_code_2(
    argv: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


def test_no_words_at_all_show_the_help_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    captured = capsys.readouterr()
    assert "rehearse" in captured.out
    assert captured.err == ""


def test_the_version_is_the_distributions() -> None:
    done = subprocess.run([sys.executable, "-m", "matchday", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip().count(".") == 2

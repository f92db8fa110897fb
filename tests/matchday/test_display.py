import io

import pytest
from rich.console import Console

from matchday.display import Display


def test_a_machine_gets_plain_lines_without_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display(as_json=False)
    with display.stage("surge", "100 s") as stage:
        stage.update(0.5, "240 rps")
    out = capsys.readouterr().out
    assert out == "surge: 100 s\n"
    assert "\x1b" not in out


def test_with_json_all_talk_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    Display(as_json=True).say("calibrating [web]")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "calibrating [web]\n"


def test_a_long_stage_speaks_every_ten_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with Display(as_json=False).stage("surge", "25 s") as stage:
        for now[0] in range(25):
            stage.update(now[0] / 25, f"note {now[0]:.0f}")
    spoken = [line.split()[-1] for line in capsys.readouterr().out.splitlines()[1:]]
    assert spoken == ["10", "20"]


def test_a_terminal_shows_a_bar_that_goes_away() -> None:
    screen = io.StringIO()
    display = Display(as_json=False)
    display.console = Console(file=screen, force_terminal=True, width=100)
    with display.stage("surge", "100 s") as stage:
        stage.update(0.5, "240 rps  p95 80 ms")
    assert "240 rps" in screen.getvalue()
    assert screen.getvalue().rstrip("\n").endswith("\x1b[2K")  # the line is erased at the end

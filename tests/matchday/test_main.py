import subprocess
import sys


def test_the_module_runs_as_the_command_does() -> None:
    done = subprocess.run([sys.executable, "-m", "matchday", "--help"], capture_output=True, text=True, check=True)
    assert "rehearse" in done.stdout

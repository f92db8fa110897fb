"""docker, kind and kubectl: run with a bar, and one line when they are missing or fail."""

from __future__ import annotations

import math
import shutil
import subprocess
import tempfile
import time

from matchday.display import Display, Stage
from matchday.errors import EnvironmentFailedError

_WHAT_TO_DO = {
    "docker": "install Docker, or name an image and a context: --image IMAGE --context CONTEXT",
    "kind": "install kind (go install sigs.k8s.io/kind), or name a cluster of yours: --context CONTEXT",
    "kubectl": "install kubectl of the cluster's version",
}
_POLL_S = 0.1
_SAID = 300  # characters of a program's last words that are shown


def need(*names: str) -> None:
    """EnvironmentFailedError when a program is missing, or docker's daemon does not answer."""
    for name in names:
        if shutil.which(name) is None:
            raise EnvironmentFailedError(f"{name} is not installed: {_WHAT_TO_DO[name]}")
    if "docker" in names and not succeeds("docker", "info"):
        raise EnvironmentFailedError("docker's daemon does not answer: start it, and see that you may use it")


def succeeds(*words: str) -> bool:
    """Whether a program ends with exit code 0; what it says is dropped."""
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def ask(*words: str, told: str | None = None) -> str:
    """What a program prints; `told` is its stdin. EnvironmentFailedError with its last words when it fails."""
    done = subprocess.run(words, input=told, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EnvironmentFailedError(failed(words, done.returncode, done.stderr))
    return done.stdout


def work(display: Display, name: str, about: str, *words: str, told: str | None = None, expected_s: float) -> None:
    """Run a program that takes seconds, under a bar that nears its end as `expected_s` pass; else like `ask`."""
    began = time.monotonic()
    with (
        display.stage(name, about) as stage,
        tempfile.TemporaryFile("w+") as said,
        tempfile.TemporaryFile("w+") as given,
    ):
        given.write(told or "")
        given.seek(0)
        with subprocess.Popen(words, stdin=given, stdout=said, stderr=subprocess.STDOUT, text=True) as process:
            try:
                while process.poll() is None:
                    _show(stage, time.monotonic() - began, expected_s)
                    time.sleep(_POLL_S)
            except BaseException:
                process.terminate()
                raise
        if process.returncode:
            said.seek(0)
            raise EnvironmentFailedError(failed(words, process.returncode, said.read()))


def _show(stage: Stage, passed_s: float, expected_s: float) -> None:
    stage.update(1 - math.exp(-2 * passed_s / expected_s), f"{passed_s:.0f} s, usually about {expected_s:.0f} s")


def failed(words: tuple[str, ...], code: int, said: str) -> str:
    """One line of a failure: the command, its exit code, the last of its words."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if "error" in line.lower()), lines[-1] if lines else "no word")
    return f"`{' '.join(words[:4])} …` ended with exit code {code}: {last[:_SAID]}"

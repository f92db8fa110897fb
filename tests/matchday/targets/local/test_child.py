import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from matchday.errors import EnvironmentFailedError
from matchday.targets.local.child import Child

SLEEP = "import sys, time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


async def _start(code: str) -> Child:
    with Path(os.devnull).open("ab") as log:
        child = await Child.start("child", [sys.executable, "-c", code], log=log, stdout=asyncio.subprocess.PIPE)
    assert child.process.stdout is not None
    await child.process.stdout.readline()
    return child


@pytest.mark.parametrize(("code", "grace_s", "death"), [(SLEEP, 10.0, "SIGTERM"), (STUBBORN, 0.1, "SIGKILL")])
def test_stop_ends_a_child_gently_or_by_force(code: str, grace_s: float, death: str) -> None:
    async def stop() -> str:
        child = await _start(code)
        await child.stop(grace_s)
        assert not child.running
        return child.death()

    assert asyncio.run(stop()) == f"signal {death}"


def test_stop_takes_the_descendants_along() -> None:
    parent = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); print(p.pid, flush=True); p.wait()"

    async def stop() -> int:
        with Path(os.devnull).open("ab") as log:
            child = await Child.start("child", [sys.executable, "-c", parent], log=log, stdout=asyncio.subprocess.PIPE)
        assert child.process.stdout is not None
        grandchild = int(next(line for line in iter([await child.process.stdout.readline()]) if line.strip().isdigit()))
        await child.stop(5.0)
        return grandchild

    grandchild = asyncio.run(stop())
    status = Path(f"/proc/{grandchild}/stat")
    deadline = time.monotonic() + 10
    while status.exists() and status.read_text().split()[2] != "Z":
        assert time.monotonic() < deadline  # a killed process takes its moment to die on a busy machine
        time.sleep(0.01)


def test_exit_code_is_named() -> None:
    async def end() -> str:
        with Path(os.devnull).open("ab") as log:
            child = await Child.start("child", [sys.executable, "-c", "raise SystemExit(3)"], log=log)
        await child.process.wait()
        return child.death()

    assert asyncio.run(end()) == "exit code 3"


def test_a_command_that_does_not_exist_is_named() -> None:
    async def start() -> None:
        with Path(os.devnull).open("ab") as log:
            await Child.start("pod web-1", ["/no/such/server"], log=log)

    with pytest.raises(EnvironmentFailedError, match=r"^pod web-1: cannot run /no/such/server: No such file"):
        asyncio.run(start())

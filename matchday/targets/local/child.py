"""A child process in a session of its own: started, watched and ended together with all its descendants."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from matchday.errors import EnvironmentFailedError


class Child:
    """One process we started. `pid` is also its session and process group."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.process = process
        self.pid = process.pid

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str],
        *,
        log: IO[bytes],
        stdout: int | None = None,
        cwd: Path | None = None,
    ) -> Child:
        """Start `command`; its stderr (and stdout, unless piped) goes to `log`. EnvironmentFailedError if it cannot run."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log if stdout is None else stdout,
                stderr=log,
                start_new_session=True,
                cwd=cwd,
            )
        except OSError as error:
            raise EnvironmentFailedError(f"{name}: cannot run {command[0]}: {error.strerror}") from error
        return cls(name, process)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.returncode is None

    def signal(self, number: signal.Signals) -> None:
        """Signal the whole group; nothing happens when it is gone."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return

    async def stop(self, grace_s: float) -> None:
        """SIGTERM, at most `grace_s` to end by itself, then SIGKILL for whatever is left of the group."""
        if self.running:
            self.signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(grace_s):
                    await self.process.wait()
            except TimeoutError:
                self.signal(signal.SIGKILL)
        self.signal(signal.SIGKILL)
        await self.process.wait()

    def death(self) -> str:
        """How it ended, in words: `signal SIGKILL` or `exit code 3`."""
        code = self.process.returncode
        assert code is not None, "asked before it ended"
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

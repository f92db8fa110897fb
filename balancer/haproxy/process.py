"""One HAProxy as processes of ours: a master and its workers, from the start to the end.

Master and worker mode, because a reload then says whether it succeeded and leaves the present worker alone if not,
replaced workers can be asked whether they are done, and the workers die with their master. The master dies with us.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from balancer.haproxy.binary import Binary
from balancer.haproxy.config import CONFIG_FILE
from balancer.haproxy.proxy import MASTER_SOCKET, Proxy, first_alert
from balancer.policy.config import ProxyConfig

# PR_SET_PDEATHSIG is 1; the setting survives exec. Source: prctl(2).
_DIE_WITH_PARENT = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


def master_command(binary: Binary) -> list[str]:
    """How the master is started, in the proxy's directory."""
    return [str(binary.path), "-W", "-S", f"unix@{MASTER_SOCKET}", "-f", CONFIG_FILE]


class HAProxy(Proxy):
    """HAProxy started and ended by us; its stdout is appended to `log_path`.

    It ends with the thread that started it, which should be the main one.
    """

    def __init__(
        self,
        binary: Binary,
        directory: Path,
        log_path: Path,
        *,
        bind_address: str = "127.0.0.1",
        bind_port: int,
        https_port: int | None = None,
        metrics_port: int | None = None,
    ) -> None:
        super().__init__(
            binary,
            directory,
            bind_address=bind_address,
            bind_port=bind_port,
            https_port=https_port,
            metrics_port=metrics_port,
        )
        self.log_path = log_path
        self._master: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The master's process id, which is also that of the session all its workers are in."""
        assert self._master is not None, "asked before its start"
        return self._master.pid

    @property
    def running(self) -> bool:
        """Whether the master lives; it ends when its worker dies."""
        return self._master is not None and self._master.poll() is None

    @property
    def error_path(self) -> Path:
        """Where HAProxy's own messages go, which are not requests."""
        return self.directory / "haproxy.err"

    def death(self) -> str:
        """How it ended, in words."""
        code = None if self._master is None else self._master.poll()
        if code is None:
            return "still running" if self.running else "never started"
        if code < 0:
            return f"signal {signal.Signals(-code).name}"
        if code > 128:  # Source: HAProxy, mworker.c: the master ends like the worker it lost
            return f"its worker died of signal {signal.Signals(code - 128).name}"
        return f"exit code {code}"

    def start(self, config: ProxyConfig) -> None:
        """Write and check the configuration, start, and wait until requests are accepted."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.write(config)
        self.check("HAProxy refuses its configuration")
        tether = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid())]
        with self.log_path.open("ab") as log, self.error_path.open("ab") as errors:
            self._master = subprocess.Popen(
                [*tether, *master_command(self.binary)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=errors,
                cwd=self.directory,
                start_new_session=True,
            )
        try:
            self.wait_until_it_answers()
        except BaseException:
            self.stop(grace_s=0.0)
            raise

    def why_not(self) -> str:
        """The first alert among its messages."""
        return first_alert(self.error_path.read_text(errors="replace"))

    def stop(self, grace_s: float = 5.0) -> None:
        """Let requests finish for at most `grace_s`, then end every process of it."""
        if self._master is None:
            return
        if self.running and grace_s > 0:
            self._master.send_signal(signal.SIGUSR1)
            with suppress(subprocess.TimeoutExpired):
                self._master.wait(grace_s)
        with suppress(ProcessLookupError):
            os.killpg(self._master.pid, signal.SIGKILL)
        self._master.wait()

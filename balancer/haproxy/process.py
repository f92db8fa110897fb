"""One HAProxy as processes of ours: a master and its workers, from the start to the end.

Master and worker mode, because a reload then says whether it succeeded and leaves the present worker alone if not,
replaced workers can be asked whether they are done, and the workers die with their master. The master dies with us.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from balancer.errors import HAProxyUnavailableError, RuntimeCommandError
from balancer.haproxy.binary import Binary
from balancer.haproxy.config import CONFIG_FILE, Process, render
from balancer.haproxy.runtime import Master, Runtime
from balancer.haproxy.stats import Stat
from balancer.policy.config import ProxyConfig

_START_LIMIT_S = 10.0
_POLL_S = 0.005
_MASTER_SOCKET = "master.sock"
# A client connection may need another to a server; some descriptors are HAProxy's own.
_MOST_CONNECTIONS = 20_000
_OWN_DESCRIPTORS = 200
# PR_SET_PDEATHSIG is 1; the setting survives exec. Source: prctl(2).
_DIE_WITH_PARENT = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


class HAProxy:
    """HAProxy in `directory`, which holds its configuration, maps and sockets; its stdout is appended to `log_path`.

    All methods raise HAProxyUnavailableError when it is not there or does not come up. It ends with the thread that
    started it, which should be the main one.
    """

    def __init__(
        self,
        binary: Binary,
        directory: Path,
        log_path: Path,
        *,
        bind_address: str = "127.0.0.1",
        bind_port: int,
        metrics_port: int | None = None,
    ) -> None:
        self.binary, self.directory, self.log_path = binary, directory, log_path
        self.bind_address, self.bind_port, self.metrics_port = bind_address, bind_port, metrics_port
        self.reloads = 0
        self._generation = 0
        self._files: Mapping[str, str] = {}
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
    def runtime(self) -> Runtime:
        """The present worker's stats socket."""
        return Runtime(self.directory / self._socket)

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
        complaint = self._complaint()
        if complaint is not None:
            raise HAProxyUnavailableError(f"HAProxy refuses its configuration: {complaint}")
        tether = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid())]
        haproxy = [str(self.binary.path), "-W", "-S", f"unix@{_MASTER_SOCKET}", "-f", CONFIG_FILE]
        with self.log_path.open("ab") as log, self.error_path.open("ab") as errors:
            self._master = subprocess.Popen(
                [*tether, *haproxy],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=errors,
                cwd=self.directory,
                start_new_session=True,
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop(grace_s=0.0)
            raise

    def write(self, config: ProxyConfig) -> None:
        """Bring the files in line with `config`, for whatever process reads them next."""
        self._write(render(config, Process(self._socket, _maxconn(), self.metrics_port)))

    def _write(self, files: Mapping[str, str]) -> None:
        for file, text in files.items():
            if self._files.get(file) != text:
                fresh = self.directory / f"{file}.new"
                fresh.write_text(text, encoding="ascii")
                fresh.replace(self.directory / file)
        self._files = files

    def reload(self, config: ProxyConfig) -> None:
        """Replace the worker by one of `config`; the old one finishes its requests.

        RuntimeCommandError when HAProxy refuses the configuration; the old worker then goes on. Each worker has a
        socket of its own name, so that no command meant for the new one reaches the old.
        """
        before, files = self.directory / self._socket, self._files
        self._generation += 1
        try:
            self.write(config)
            self._replace_worker()
        except BaseException:
            self._generation -= 1
            self._write(files)
            raise
        self.reloads += 1
        before.unlink(missing_ok=True)

    def servers(self) -> tuple[Stat, ...]:
        """All servers, those of replaced workers that still finish requests included."""
        found = list(self.runtime.stats())
        if self.reloads:
            master = Master(self.directory / _MASTER_SOCKET)
            for pid in master.old_workers():
                found += master.worker_stats(pid)
        return tuple(stat for stat in found if stat.kind == "server")

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

    @property
    def _socket(self) -> str:
        return f"runtime-{self._generation}.sock"

    def _replace_worker(self) -> None:
        complaint = self._complaint()
        if complaint is not None:
            raise RuntimeCommandError(f"HAProxy did not reload: {complaint}")
        Master(self.directory / _MASTER_SOCKET).reload()
        self._wait_until_it_answers()

    def _complaint(self) -> str | None:
        """What `haproxy -c` says against the configuration, before anything runs by it."""
        command = [str(self.binary.path), "-c", "-f", CONFIG_FILE]
        result = subprocess.run(command, cwd=self.directory, capture_output=True, text=True, check=False)
        return None if result.returncode == 0 else _first_alert(result.stderr)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _START_LIMIT_S
        while True:
            try:
                self.runtime.ask(["show version"])
                Master(self.directory / _MASTER_SOCKET).ask("show version")
            except HAProxyUnavailableError:
                if not self.running:
                    said = self.error_path.read_text(errors="replace")
                    raise HAProxyUnavailableError(f"HAProxy did not start: {_first_alert(said)}") from None
                if time.monotonic() > deadline:
                    raise HAProxyUnavailableError(f"HAProxy did not start within {_START_LIMIT_S:.0f} s") from None
                time.sleep(_POLL_S)
            else:
                return


def _maxconn() -> int:
    """Client connections that the limit of open files allows, each with one to a server."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(100, min(_MOST_CONNECTIONS, (hard - _OWN_DESCRIPTORS) // 2))


def _first_alert(text: str) -> str:
    """The first thing HAProxy complains of, without its prefix."""
    alerts = [line.partition(" : ")[2] for line in text.splitlines() if line.startswith("[ALERT]")]
    return alerts[0] if alerts else "it gives no reason"

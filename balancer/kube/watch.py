"""Lists one kind of object and then follows its changes, for as long as the program lives, whatever the API server does.

A watch that ends is taken up where it ended; only a 410 (the server forgot that far back) costs a new list. While the
server is away, tries follow each other ever more slowly, up to half a second: nobody waits long after its return.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Event
from typing import Protocol

from balancer.kube.api import ApiError, ApiUnavailableError, Json

# The server ends a watch after this long. Source: Kubernetes API, ListOptions.timeoutSeconds.
_WATCH_S = 240
# A server that vanished without a word is noticed by the silence: bookmarks come about once a minute.
_SILENCE_S = 90.0
_PAGE = 500
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 0.5
_GONE = 410


class Watchable(Protocol):
    """What a watch needs of an API server; `balancer.kube.api.Api` is the real one."""

    def get(self, path: str, **query: object) -> Json:
        """The object or list at `path`. ApiError, ApiUnavailableError."""

    def lines(self, path: str, *, read_timeout_s: float, **query: object) -> AbstractContextManager[Iterator[bytes]]:
        """The lines of an answer that goes on. ApiError, ApiUnavailableError."""


@dataclass(frozen=True)
class Kind:
    """A kind of object and where it is listed. `fields` and `labels` choose among them."""

    name: str
    api_version: str
    path: str
    fields: str | None = None
    labels: str | None = None


@dataclass(frozen=True)
class Listed:
    """All objects of a kind, as they were at `received_s` (monotonic)."""

    kind: Kind
    objects: tuple[Json, ...] = field(repr=False)
    received_s: float


@dataclass(frozen=True)
class Changed:
    """An object came or changed, or went (`gone`), which we heard at `received_s` (monotonic)."""

    kind: Kind
    object: Json = field(repr=False)
    gone: bool
    received_s: float


@dataclass(frozen=True)
class Reachable:
    """Whether the API server answers, from now on."""

    kind: Kind
    yes: bool
    why: str = ""


Change = Listed | Changed | Reachable


class Watch:
    """One kind's list and watch. `deliver` gets every change, in order, from the thread that calls `run`."""

    def __init__(self, api: Watchable, kind: Kind, deliver: Callable[[Change], None]) -> None:
        self.kind = kind
        self._api, self._deliver = api, deliver
        self._version: str | None = None
        self._pause_s = _FIRST_PAUSE_S
        self._reachable: bool | None = None

    def run(self, stop: Event) -> None:
        """List and watch until `stop` is set; never raises for what the API server does."""
        while not stop.is_set():
            try:
                if self._version is None:
                    self._list()
                self._follow(stop)
            except ApiError as error:
                if error.status == _GONE:
                    self._version = None
                    continue
                self._wait(stop, str(error))
            except ApiUnavailableError as error:
                self._wait(stop, str(error))

    def _wait(self, stop: Event, why: str) -> None:
        self._say(reachable=False, why=why)
        stop.wait(self._pause_s)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def _say(self, *, reachable: bool, why: str = "") -> None:
        if reachable != self._reachable:
            self._reachable = reachable
            self._deliver(Reachable(self.kind, reachable, why))

    def _list(self) -> None:
        objects: list[Json] = []
        following: str | None = None
        while True:
            page = self._api.get(
                self.kind.path,
                fieldSelector=self.kind.fields,
                labelSelector=self.kind.labels,
                limit=_PAGE,
                **({"continue": following} if following else {}),
            )
            objects += page.get("items") or ()
            following = page["metadata"].get("continue")
            if not following:
                break
        self._say(reachable=True)
        self._deliver(Listed(self.kind, tuple(objects), time.monotonic()))
        self._version = page["metadata"]["resourceVersion"]

    def _follow(self, stop: Event) -> None:
        with self._api.lines(
            self.kind.path,
            read_timeout_s=_SILENCE_S,
            fieldSelector=self.kind.fields,
            labelSelector=self.kind.labels,
            watch="true",
            allowWatchBookmarks="true",
            resourceVersion=self._version,
            timeoutSeconds=_WATCH_S,
        ) as lines:
            self._say(reachable=True)
            self._pause_s = _FIRST_PAUSE_S
            for line in lines:
                self._hear(line)
                if stop.is_set():
                    return

    def _hear(self, line: bytes) -> None:
        received_s = time.monotonic()
        try:
            said = json.loads(line)
            what, found = said["type"], said["object"]
        except (ValueError, KeyError, TypeError) as error:
            raise ApiUnavailableError(f"the API server sent no event: {line[:100]!r}") from error
        if what == "ERROR":
            raise ApiError(int(found.get("code", 500)), str(found.get("message", found)))
        if what != "BOOKMARK":
            self._deliver(Changed(self.kind, found, what == "DELETED", received_s))
        self._version = found["metadata"]["resourceVersion"]

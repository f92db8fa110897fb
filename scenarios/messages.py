"""What goes over the wire for a request of the mix: its placeholders filled, its answer looked at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from scenarios.load import LoadedScenario
from scenarios.placeholders import filled
from scenarios.schema import Expect, Request

# A value may not end a header's line, whatever a CSV file holds; servers refuse other control characters.
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]+")


@dataclass(frozen=True)
class Message:
    """A request as it is sent; Host stands first among the headers, in which no value holds a line's end."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Expectation:
    """What the answer to a request has to be."""

    def __init__(self, expect: Expect) -> None:
        self._status, self._contains = expect.status, None if expect.contains is None else expect.contains.encode()
        self._matches = None if expect.matches is None else re.compile(expect.matches.encode())

    def problem(self, status: int, body: bytes) -> str | None:
        """Why the answer will not do; None when it will."""
        if self._status is not None and status not in self._status:
            return f"status {status}"
        if self._contains is not None and self._contains not in body:
            return "the text is not in the body"
        if self._matches is not None and not self._matches.search(body):
            return "the body does not match"
        return None


class Messages:
    """All requests that a scenario's mix can make."""

    def __init__(self, loaded: LoadedScenario) -> None:
        self._requests, self._attached = loaded.scenario.traffic.requests, loaded.attachments

    def of(self, request: int, key: int) -> Message:
        """The request of a kind for a key of the schedule."""
        kind = self._requests[request]
        values = self._values(kind, key)
        headers = [("Host", kind.host), *((name, _in_header(text, values)) for name, text in kind.headers.items())]
        if kind.cookies:
            pairs = (f"{name}={quote(filled(text, values), safe='')}" for name, text in kind.cookies.items())
            headers.append(("Cookie", "; ".join(pairs)))
        body = b"" if kind.body is None else filled(kind.body, values).encode()
        if kind.body_file is not None:
            body = self._attached.bodies[kind.body_file]
        return Message(kind.method, _in_path(kind.path, values), tuple(headers), body)

    def path(self, request: int, key: int) -> str:
        """Its path alone."""
        kind = self._requests[request]
        return _in_path(kind.path, self._values(kind, key))

    def expect(self, request: int) -> Expectation | None:
        """What its answers have to be; None when any answer below 400 will do."""
        expected = self._requests[request].expect
        return None if expected is None else Expectation(expected)

    def _values(self, kind: Request, key: int) -> Mapping[str, str]:
        if kind.data is None:
            return {"key": str(key)}
        table = self._attached.tables[kind.data.file]
        return dict(zip(table.columns, table.rows[key], strict=True))


def _in_path(text: str, values: Mapping[str, str]) -> str:
    return filled(text, {name: quote(value, safe="") for name, value in values.items()})


def _in_header(text: str, values: Mapping[str, str]) -> str:
    return _CONTROLS.sub(" ", filled(text, values)).encode("utf-8").decode("latin-1")

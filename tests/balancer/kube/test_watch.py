from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest

from balancer.kube.api import ApiError, ApiUnavailableError
from balancer.kube.watch import Change, Changed, Kind, Listed, Reachable, Watch

KIND = Kind("Service", "v1", "/api/v1/services", fields="a=b")


def thing(name: str, version: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": version}}


def line(what: str, found: Any) -> bytes:
    return json.dumps({"type": what, "object": found}).encode()


class Pauses(Event):
    """Takes note of how long somebody would have waited."""

    def __init__(self, stop: Event, noted: list[float]) -> None:
        super().__init__()
        self.stop, self.noted = stop, noted

    def wait(self, timeout: float | None = None) -> bool:
        self.noted.append(timeout or 0.0)
        return self.stop.is_set()

    def is_set(self) -> bool:
        return self.stop.is_set()


class Server:
    """Answers lists and watches in the order given; the end of the script ends the watch."""

    def __init__(self, *script: Any) -> None:
        self.script, self.asked = list(script), list[tuple[str, dict[str, object]]]()
        self.stop = Event()
        self.pauses: list[float] = []

    def _next(self, how: str, query: dict[str, object]) -> Any:
        self.asked.append((how, {name: value for name, value in query.items() if value is not None}))
        if not self.script:
            self.stop.set()
            raise ApiUnavailableError("the script is over")
        answer = self.script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def get(self, path: str, **query: object) -> Any:
        return self._next("list", query)

    @contextmanager
    def lines(self, path: str, *, read_timeout_s: float, **query: object) -> Iterator[Iterator[bytes]]:
        yield self._events(self._next("watch", query))

    def _events(self, given: Any) -> Iterator[bytes]:
        for entry in given:
            if isinstance(entry, Exception):
                raise entry
            yield entry

    def heard(self) -> list[Change]:
        found: list[Change] = []
        watch = Watch(self, KIND, found.append)

        watch.run(Pauses(self.stop, self.pauses))
        return found


def listed(*things: Any, version: str = "10", following: str | None = None) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": version, **({"continue": following} if following else {})}, "items": things}


def test_a_list_is_followed_page_by_page_and_then_its_changes() -> None:
    server = Server(
        listed(thing("a", "1"), following="next"),
        listed(thing("b", "2")),
        [line("MODIFIED", thing("a", "11")), line("DELETED", thing("b", "12"))],
    )
    changes = [change for change in server.heard() if not isinstance(change, Reachable)]
    assert isinstance(changes[0], Listed)
    assert [found["metadata"]["name"] for found in changes[0].objects] == ["a", "b"]
    assert [(c.object["metadata"]["name"], c.gone) for c in changes[1:] if isinstance(c, Changed)] == [
        ("a", False),
        ("b", True),
    ]
    assert [query.get("continue") for how, query in server.asked if how == "list"] == [None, "next"]
    assert all(query["fieldSelector"] == "a=b" for _, query in server.asked)


def test_a_watch_goes_on_where_it_ended_and_bookmarks_count() -> None:
    server = Server(listed(), [line("ADDED", thing("a", "11"))], [line("BOOKMARK", thing("", "30"))], [])
    server.heard()
    versions = [query["resourceVersion"] for how, query in server.asked if how == "watch"]
    assert versions == ["10", "11", "30", "30"]
    assert [how for how, _ in server.asked].count("list") == 1


@pytest.mark.parametrize(
    "gone", [ApiError(410, "too old"), [line("ERROR", {"code": 410, "message": "too old resource version"})]]
)
def test_only_what_the_server_forgot_is_listed_anew(gone: Any) -> None:
    server = Server(listed(), gone, listed(version="50"), [])
    server.heard()
    assert [how for how, _ in server.asked][:4] == ["list", "watch", "list", "watch"]
    assert server.asked[3][1]["resourceVersion"] == "50"


def test_while_the_server_is_away_tries_come_ever_more_slowly_up_to_half_a_second() -> None:
    away = [ApiUnavailableError("connection refused") for _ in range(8)]
    server = Server(listed(), *away, [line("ADDED", thing("a", "11"))], ApiUnavailableError("again"))
    changes = server.heard()
    assert server.pauses[:8] == [0.05, 0.1, 0.2, 0.4, 0.5, 0.5, 0.5, 0.5]
    assert server.pauses[8] == 0.05  # it had answered meanwhile
    said = [change.yes for change in changes if isinstance(change, Reachable)]
    assert said == [True, False, True, False]
    assert [how for how, _ in server.asked].count("list") == 1


def test_a_connection_that_breaks_in_the_middle_is_taken_up_where_it_broke() -> None:
    server = Server(listed(), [line("ADDED", thing("a", "11")), ApiUnavailableError("broke off")], [])
    server.heard()
    assert [query["resourceVersion"] for how, query in server.asked if how == "watch"] == ["10", "11", "11"]


def test_an_answer_that_is_no_event_is_not_taken_for_one() -> None:
    changes = Server(listed(), [b"<html>"], []).heard()
    assert [change.why for change in changes if isinstance(change, Reachable)][1].startswith(
        "the API server sent no event"
    )

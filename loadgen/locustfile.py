"""A person's own locustfile: how it is read, and what its words mean in our records."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from locust import User
from locust.util.load_locustfile import load_locustfile

from loadgen.errors import LoadError
from loadgen.http import OWN_LIMITS

_MOST_CAUSES = 20
_TEXT = 160


@dataclass(frozen=True)
class UserFile:
    """What a locustfile holds. `notes` are sentences about what of it is not used."""

    path: Path
    classes: tuple[type[User], ...]
    notes: tuple[str, ...]


def read_locustfile(path: Path) -> UserFile:
    """Import it as Locust does; LoadError, one line with the line it broke at, when that fails or it has no users."""
    try:
        classes, shapes = load_locustfile(str(path))
    except SyntaxError as error:
        raise LoadError(f"{error.filename}:{error.lineno}: {error.msg}: Python that can be imported") from error
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {one_line(str(error))}".removesuffix(": ")
        raise LoadError(f"{place(error.__traceback__, path)}: {said}: a file that imports without an error") from error
    found = tuple(cls for cls in classes.values() if cls.weight > 0 or cls.fixed_count > 0)
    if not found:
        raise LoadError(f"{path}:1: no users: a User class that is not abstract, with a weight above 0")
    notes = tuple(
        f"{path.name}: the load shape {type(shape).__name__} is not used: the scenario's phases say how many users there are"
        for shape in shapes
    )
    return UserFile(path, found, notes)


def place(tb: TracebackType | None, path: Path) -> str:
    """file:line of the innermost frame in the directory of `path`, where its owner can mend it."""
    frames = [f for f in traceback.extract_tb(tb) if Path(f.filename).resolve().is_relative_to(path.parent.resolve())]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else f"{path}:1"


def one_line(text: str) -> str:
    """The text without line breaks, and short."""
    joined = " ".join(text.split())
    return joined if len(joined) <= _TEXT else f"{joined[: _TEXT - 1]}…"


def task_error(user: Any, error: BaseException, tb: TracebackType | None, path: Path) -> str:
    """Which task of which user (or of which task set's user) raised what, and where."""
    directory = path.parent.resolve()
    names = [f.name for f in traceback.extract_tb(tb) if Path(f.filename).resolve().is_relative_to(directory)]
    said = f"{type(error).__name__}: {one_line(str(error))}".removesuffix(": ")
    user = getattr(user, "user", user)  # Locust gives the task set where there is one
    who = f"{type(user).__name__}.{names[0]}" if names else type(user).__name__
    return f"{who} raised {said} ({Path(place(tb, path)).name})"


def outcome_of(error: BaseException | None, status: int) -> tuple[int, str, str]:
    """(status, error, own limit) of what Locust's request event said, for a record.

    Locust's own verdict stands: what the file calls a success is one (status 200 when the answer had another, or
    none), and an answer that it calls a failure is a failed check.
    """
    if error is None:
        return (status if 200 <= status < 400 else 200), "", ""
    if status >= 400:
        return status, "", ""
    kind, own_limit = _kind(error)
    if kind == "other" and 200 <= status < 400:
        kind = "check"
    return status, kind, own_limit


# By the names of exceptions, for importing requests before Locust has patched ssl breaks both. What the system said
# comes before what clients make of it.
_KINDS = (
    ("connect", {"ConnectionRefusedError"}),
    ("reset", {"ConnectionResetError", "ConnectionAbortedError", "BrokenPipeError", "SSLEOFError"}),
    ("timeout", {"TimeoutError", "Timeout", "ReadTimeoutError"}),
    ("connect", {"NewConnectionError", "gaierror"}),
    ("reset", {"ConnectionError", "EOFError", "IncompleteRead", "ProtocolError", "ChunkedEncodingError"}),
)


def _kind(error: BaseException) -> tuple[str, str]:
    """(error of a record, own limit)."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, OSError) and (limit := OWN_LIMITS.get(cause.errno or 0)):
            return "other", limit
    names = {cls.__name__ for cause in causes for cls in type(cause).__mro__}
    return next((kind for kind, found in _KINDS if names & found), "other"), ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and all that led to it."""
    todo, seen = [error], set[int]()
    while todo and len(seen) < _MOST_CAUSES:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        further = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
        todo += [cause for cause in further if isinstance(cause, BaseException)]

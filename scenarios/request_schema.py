"""What one request of the mix is: where it goes, what it holds, what its answer must be."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, WithJsonSchema

from scenarios.section import Section
from scenarios.units import Duration, Number, Positive, Whole

Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?$")]
Path = Annotated[str, Field(pattern="^/[!-~]{0,2000}$")]
HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}$")]  # Source: RFC 9110, 5.6.2
HeaderValue = Annotated[str, Field(pattern=r"^[^\x00-\x08\x0a-\x1f\x7f]{0,4000}$")]
_STATUS = re.compile(r"[1-5]([0-9]{2}|xx)")


def _regular_expression(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"a regular expression of Python's: {error}") from None
    return value


def parse_statuses(value: object) -> frozenset[int]:
    """Statuses from `200`, `2xx`, or a list of these."""
    found: set[int] = set()
    for item in value if isinstance(value, list) else [value]:
        word = str(item).lower()
        if isinstance(item, bool) or not _STATUS.fullmatch(word):
            raise ValueError("a status such as 200, a class such as 2xx, or a list of these")
        found |= set(range(int(word[0]) * 100, int(word[0]) * 100 + 100)) if word.endswith("xx") else {int(word)}
    if not found:
        raise ValueError("a status such as 200, a class such as 2xx, or a list of these")
    return frozenset(found)


_ONE_STATUS: dict[str, JsonValue] = {
    "anyOf": [
        {"type": "integer", "minimum": 100, "maximum": 599},
        {"type": "string", "pattern": "^[1-5]([0-9]{2}|[xX]{2})$"},
    ]
}
Statuses = Annotated[
    frozenset[int],
    BeforeValidator(parse_statuses),
    WithJsonSchema(
        {
            "title": "Status or list of them",
            "anyOf": [_ONE_STATUS, {"type": "array", "minItems": 1, "items": _ONE_STATUS}],
        }
    ),
]


class Data(Section):
    """Parameters of requests."""

    file: str
    """A CSV file beside scenario.yaml: names of columns in its first line, one set of parameters in each other."""


class Expect(Section):
    """What an answer must be; one that is not counts as a server error."""

    status: Statuses | None = None
    """Good statuses: `200`, `2xx` or a list such as `[200, 404]`; left out: any below 400."""
    contains: Annotated[str, Field(min_length=1)] | None = None
    """A text that stands in the body."""
    matches: Annotated[str, AfterValidator(_regular_expression)] | None = None
    """A regular expression that fits somewhere in the body."""


class Tls(Section):
    """Every connection is encrypted, and the server's certificate verified."""

    ca: str | None = None
    """The certificates (PEM) to trust, a file beside scenario.yaml; left out: the system's."""
    server_name: Host | None = None
    """The name that is asked for (SNI) and verified; left out: the first request's host."""


class Request(Section):
    """One kind of request of the mix."""

    host: Host
    """The Host header."""
    path: Path
    """The path; it may hold `{key}`, drawn uniformly from 0 to keys - 1, or with `data` the columns' names in braces."""
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    """The method."""
    weight: Annotated[Number, Field(gt=0, le=1e9)] = 1.0
    """Its share of the mix, relative to the others' weights."""
    timeout: Positive = 10.0
    """When the client gives an attempt up."""
    retries: Annotated[Whole, Field(ge=0, le=10)] = 0
    """How often a failed or timed-out attempt is repeated."""
    backoff: Duration = 0.1
    """Wait before the first repetition; doubled before each further one, and jittered by a factor of 0.5 to 1.5."""
    keys: Annotated[Whole, Field(ge=1, le=1_000_000_000)] = 1
    """How many values `{key}` takes; with `data` as many as it has rows."""
    headers: dict[HeaderName, HeaderValue] = Field(default={})
    """More headers; values may hold `{key}` or columns."""
    cookies: dict[HeaderName, str] = Field(default={})
    """Cookies; values may hold `{key}` or columns, and are percent-encoded."""
    body: str | None = None
    """The body; it may hold `{key}` or columns."""
    body_file: str | None = None
    """A file beside scenario.yaml whose bytes are the body."""
    data: Data | None = None
    """A row of parameters for each request, drawn uniformly."""
    expect: Expect | None = None
    """What the answer must be; left out: any status below 400."""

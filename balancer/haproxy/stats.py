"""`show stat` and `show servers conn`, typed."""

from __future__ import annotations

import csv
from dataclasses import dataclass

_KINDS = {"0": "frontend", "1": "backend", "2": "server"}


@dataclass(frozen=True, slots=True)
class Stat:
    """One row of `show stat`: a frontend, a backend or a server. Counters run since the process started.

    `current_sessions` are requests in flight, `queued` those waiting here for a slot. Times are HAProxy's averages
    over the last 1024 requests, in seconds. `maxconn` None means unlimited.
    """

    kind: str
    proxy: str
    name: str
    status: str
    address: str
    weight: int
    maxconn: int | None
    current_sessions: int
    queued: int
    sessions: int
    request_rate: int
    bytes_in: int
    bytes_out: int
    connection_errors: int
    response_errors: int
    retries: int
    redispatches: int
    answers: tuple[int, int, int, int, int]
    queue_s: float
    connect_s: float
    response_s: float
    total_s: float

    @property
    def idle(self) -> bool:
        """Whether no request is there or waits for it."""
        return not self.current_sessions and not self.queued


@dataclass(frozen=True, slots=True)
class ServerConnections:
    """One row of `show servers conn`: HAProxy's connections to a server, in use and kept for the next request."""

    backend: str
    server: str
    id: int
    address: str
    port: int
    used: int
    idle: int


def parse_stat(text: str) -> tuple[Stat, ...]:
    """The rows of `show stat`; listeners are left out."""
    rows = csv.DictReader(text.lstrip("# ").splitlines())
    return tuple(_stat(row) for row in rows if row.get("type") in _KINDS)


def parse_servers_conn(text: str) -> tuple[ServerConnections, ...]:
    """The rows of `show servers conn`; columns are found by their names."""
    lines = text.splitlines()
    if not lines:
        return ()
    columns = lines[0].lstrip("# ").split()
    found = []
    for line in lines[1:]:
        row = dict(zip(columns, line.split(), strict=False))
        if "bkname/svname" not in row:
            continue
        backend, _, server = row["bkname/svname"].partition("/")
        found.append(
            ServerConnections(
                backend,
                server,
                id=int(row["bkid/svid"].partition("/")[2]),
                address=row["addr"],
                port=int(row["port"]),
                used=int(row["used_cur"]),
                idle=int(row["idle_cur"]),
            )
        )
    return tuple(found)


def _stat(row: dict[str, str]) -> Stat:
    def number(column: str) -> int:
        text = row.get(column) or "0"
        return int(text) if text.lstrip("-").isdecimal() else 0

    return Stat(
        kind=_KINDS[row["type"]],
        proxy=row["pxname"],
        name=row["svname"],
        status=row["status"],
        address=row.get("addr", ""),
        weight=number("weight"),
        maxconn=number("slim") or None,
        current_sessions=number("scur"),
        queued=number("qcur"),
        sessions=number("stot"),
        request_rate=number("req_rate") if row["type"] == "0" else number("rate"),
        bytes_in=number("bin"),
        bytes_out=number("bout"),
        connection_errors=number("econ"),
        response_errors=number("eresp"),
        retries=number("wretr"),
        redispatches=number("wredis"),
        answers=(number("hrsp_1xx"), number("hrsp_2xx"), number("hrsp_3xx"), number("hrsp_4xx"), number("hrsp_5xx")),
        queue_s=number("qtime") / 1000,
        connect_s=number("ctime") / 1000,
        response_s=number("rtime") / 1000,
        total_s=number("ttime") / 1000,
    )

"""HAProxy's log line: the format that is asked for, and what a line says.

Timers are whole milliseconds, cut off; -1 where the request never came that far. Source: HAProxy 2.8
configuration manual, 8.4 "Timing events" and 8.5 "Session state at disconnection".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# Why the proxy itself answered: the values of the transaction's variable `refused`.
DENIED, RATE_LIMITED, NO_ROUTE = "denied", "rate_limited", "no_route"

# What comes from the client stands last, quoted and escaped, so that it can neither forge nor hide a field.
FORMAT = (
    "at=%Ts.%ms Th=%Th Ti=%Ti id=%[var(txn.id)] fe=%f be=%b srv=%s TR=%TR Tw=%Tw Tc=%Tc Tr=%Tr Ta=%Ta"
    " status=%ST bytes=%B end=%ts actconn=%ac feconn=%fc beconn=%bc srv_conn=%sc retries=%rc srv_queue=%sq"
    " backend_queue=%bq refused=%[var(txn.refused)] client=%ci method=%HM"
    " host=%{+Q,+E}[var(txn.host)] path=%{+Q,+E}HPO"
)
# Longer lines are cut by HAProxy, which costs only host and path.
MAX_LENGTH = 4096

_LINE = re.compile(
    r"at=(?P<at>\d+\.\d+) Th=(?P<th>-?\d+) Ti=(?P<ti>-?\d+) id=(?P<id>\S+) fe=(?P<fe>\S+) be=(?P<be>\S+)"
    r" srv=(?P<srv>\S+) TR=(?P<TR>-?\d+) Tw=(?P<Tw>-?\d+) Tc=(?P<Tc>-?\d+) Tr=(?P<Tr>-?\d+) Ta=\+?(?P<Ta>-?\d+)"
    r" status=(?P<status>-?\d+) bytes=\+?(?P<bytes>\d+) end=(?P<end>\S\S) actconn=(?P<actconn>\d+)"
    r" feconn=(?P<feconn>\d+) beconn=(?P<beconn>\d+) srv_conn=(?P<srv_conn>\d+) retries=\+?(?P<retries>\d+)"
    r" srv_queue=(?P<srv_queue>\d+) backend_queue=(?P<backend_queue>\d+) refused=(?P<refused>\S+) client=(?P<client>\S+)"
    r" method=(?P<method>\S+)(?: host=\"(?P<host>(?:[^\"\\]|\\.)*)\" path=\"(?P<path>(?:[^\"\\]|\\.)*)\")?"
)
_ESCAPED = re.compile(r"\\(.)")
_NO_SERVER = "<NOSRV>"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One request as the proxy saw it.

    accepted_s   when its first byte came, seconds since 1970
    server       None when none was chosen
    request_ms   TR: until its head was there
    tw_ms        Tw: waiting for a slot, in whichever queue
    tc_ms        Tc: connecting to the pod
    tr_ms        Tr: from the request sent until the answer's head
    ta_ms        Ta: all of it, TR included
    status       as sent to the client; -1 when nothing was
    termination  two letters, `--` for a proper end
    refused      why the proxy itself refused it, None when it did not
    srv_queue, backend_queue   requests before it in that queue when it entered

    actconn, feconn, beconn and srv_conn count at its end. `host` and `path` are None in a line that was cut.
    """

    accepted_s: float
    request_id: str
    client: str
    frontend: str
    backend: str
    server: str | None
    request_ms: int
    tw_ms: int
    tc_ms: int
    tr_ms: int
    ta_ms: int
    status: int
    bytes: int
    termination: str
    actconn: int
    feconn: int
    beconn: int
    srv_conn: int
    retries: int
    srv_queue: int
    backend_queue: int
    refused: str | None
    method: str
    host: str | None
    path: str | None


def parse(line: str) -> LogLine | None:
    """What a line says; None when it is not a request's (HAProxy also logs servers going up and down)."""
    found = _LINE.match(line)
    if found is None:
        return None
    said = found.groupdict()
    count = {name: int(text) for name, text in said.items() if name in _COUNTS}
    idle_ms = max(0, int(said["th"])) + max(0, int(said["ti"]))
    return LogLine(
        accepted_s=float(said["at"]) + idle_ms / 1000,
        request_id=said["id"],
        client=said["client"],
        frontend=said["fe"].rstrip("~"),
        backend=said["be"],
        server=None if said["srv"] == _NO_SERVER else said["srv"],
        request_ms=int(said["TR"]),
        tw_ms=int(said["Tw"]),
        tc_ms=int(said["Tc"]),
        tr_ms=int(said["Tr"]),
        ta_ms=int(said["Ta"]),
        termination=said["end"],
        refused=None if said["refused"] == "-" else said["refused"],
        method=said["method"],
        host=_unescape(said["host"]),
        path=_unescape(said["path"]),
        **count,
    )


_COUNTS = {
    "status", "bytes", "actconn", "feconn", "beconn", "srv_conn", "retries", "srv_queue", "backend_queue",
}  # fmt: skip


def _unescape(text: str | None) -> str | None:
    return None if text is None else _ESCAPED.sub(r"\1", text)


def parse_all(lines: Iterable[str]) -> Iterator[LogLine]:
    """The requests of a log."""
    return filter(None, map(parse, lines))


def failure_kind(line: LogLine) -> str | None:
    """Why a request failed, in the words of an Outcome's failures; None when a server's answer reached the client.

    A client that gave up is `aborted` here: the proxy cannot know whether a time-out or a person made it go. A 4xx
    of the application is an answer; what the proxy refused as malformed is `denied`.
    """
    if line.refused is not None:
        return "no_server" if line.refused == NO_ROUTE else line.refused
    who, phase = line.termination[0], line.termination[1]
    if who in "Cc":
        return "aborted"
    if phase == "Q":
        return "queue_timeout"
    if line.server is None:
        return "no_server" if who == "S" or line.status >= 500 else "denied"
    if phase == "C":
        return "connect"
    if who not in "-L" or line.status >= 500 or line.status < 0:
        return "server_error"
    return None

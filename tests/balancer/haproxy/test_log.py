"""What a log line says, and why a request failed. Real lines are parsed in tests/integration."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.haproxy.log import LogLine, failure_kind, parse, parse_all

LINE = (
    "at=1790000000.250 Th=1 Ti=40 id=17-0 fe=http be=default_live_http srv=live-1 TR=2 Tw=30 Tc=1 Tr=700 Ta=735"
    " status={status} bytes=210 end={end} actconn=9 feconn=8 beconn=7 srv_conn=3 retries={retries} srv_queue=1"
    ' backend_queue=2 refused={refused} client=127.0.0.1 method=GET host="{host}" path="{path}"'
)


def said(
    status: int = 200, end: str = "--", refused: str = "-", server: str = "live-1", *, retries: str = "0"
) -> LogLine:
    text = LINE.format(status=status, end=end, refused=refused, retries=retries, host="tv.example", path="/live")
    line = parse(text.replace("srv=live-1", f"srv={server}"))
    assert line is not None
    return line


def test_a_line_gives_timers_counts_and_the_moment_its_first_byte_came() -> None:
    line = said()
    assert line.accepted_s == pytest.approx(1790000000.291)  # a kept connection waited 41 ms for its request
    assert (line.request_id, line.frontend, line.backend, line.server) == (
        "17-0",
        "http",
        "default_live_http",
        "live-1",
    )
    assert (line.request_ms, line.tw_ms, line.tc_ms, line.tr_ms, line.ta_ms) == (2, 30, 1, 700, 735)
    assert (line.status, line.bytes, line.termination, line.refused) == (200, 210, "--", None)
    assert (line.actconn, line.feconn, line.beconn, line.srv_conn) == (9, 8, 7, 3)
    assert (line.retries, line.srv_queue, line.backend_queue) == (0, 1, 2)
    assert (line.method, line.host, line.path) == ("GET", "tv.example", "/live")


def test_a_redispatched_request_counts_its_retries() -> None:
    assert said(retries="+3").retries == 3


def test_no_server_is_none() -> None:
    assert said(503, "SC", server="<NOSRV>").server is None


def test_a_line_cut_within_its_path_keeps_all_that_is_counted() -> None:
    whole = LINE.format(status=200, end="--", refused="-", retries=0, host="tv.example", path="/" + "x" * 5000)
    line = parse(whole[:4095])
    assert line is not None
    assert (line.ta_ms, line.method, line.path) == (735, "GET", None)


def test_quotes_of_the_client_do_not_end_its_fields() -> None:
    line = parse(LINE.format(status=200, end="--", refused="-", retries=0, host=r"a\"b", path=r"/\" at=1.0 id=9\\"))
    assert line is not None
    assert (line.host, line.path, line.request_id) == ('a"b', '/" at=1.0 id=9\\', "17-0")


def test_what_is_no_request_is_skipped() -> None:
    good = LINE.format(status=200, end="--", refused="-", retries=0, host="h", path="/")
    lines = ["Server live/a is UP/READY (leaving forced maintenance).", good, "", good[:40]]
    assert [line.request_id for line in parse_all(lines)] == ["17-0"]


@given(st.text())
def test_any_text_is_a_line_or_none(text: str) -> None:
    assert parse(text) is None or isinstance(parse(text), LogLine)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (said(), None),
        (said(404), None),
        (said(503, "sQ", server="<NOSRV>"), "queue_timeout"),
        (said(503, "sQ"), "queue_timeout"),
        (said(403, "PR", "rate_limited", "<NOSRV>"), "rate_limited"),
        (said(403, "PR", "denied", "<NOSRV>"), "denied"),
        (said(404, "LR", "no_route", "<NOSRV>"), "no_server"),
        (said(400, "PR", server="<NOSRV>"), "denied"),
        (said(503, "SC", server="<NOSRV>"), "no_server"),
        (said(503, "SC"), "connect"),
        (said(503, "sC"), "connect"),
        (said(500), "server_error"),
        (said(502, "SH"), "server_error"),
        (said(200, "SD"), "server_error"),
        (said(504, "sH"), "server_error"),
        (said(-1, "CC"), "aborted"),
        (said(-1, "CQ", server="<NOSRV>"), "aborted"),
        (said(-1, "CH"), "aborted"),
        (said(408, "cR", server="<NOSRV>"), "aborted"),
    ],
)
def test_a_failure_has_one_kind(line: LogLine, kind: str | None) -> None:
    assert failure_kind(line) == kind

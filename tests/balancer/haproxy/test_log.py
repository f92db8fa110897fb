from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.haproxy.log import LogLine, failure_kind, parse, parse_all

LINE = (
    "at=1795437600.250 Th=0 Ti=12 id=17-0 fe=http be=default_live_http srv=live-2 TR=1 Tw=20 Tc=0 Tr=61 Ta=83"
    " status=200 bytes=12411 end=-- actconn=5 feconn=4 beconn=3 srv_conn=2 retries=1 srv_queue=6 backend_queue=7"
    ' refused=- client=127.0.1.3 method=GET host="tv.example" path="/live"'
)
PARSED = LogLine(
    accepted_s=1795437600.262,
    request_id="17-0",
    client="127.0.1.3",
    frontend="http",
    backend="default_live_http",
    server="live-2",
    request_ms=1,
    tw_ms=20,
    tc_ms=0,
    tr_ms=61,
    ta_ms=83,
    status=200,
    bytes=12411,
    termination="--",
    actconn=5,
    feconn=4,
    beconn=3,
    srv_conn=2,
    retries=1,
    srv_queue=6,
    backend_queue=7,
    refused=None,
    method="GET",
    host="tv.example",
    path="/live",
)


def test_a_line_says_when_where_how_long_and_how_it_ended() -> None:
    parsed = parse(LINE + "\n")
    assert parsed is not None
    assert parsed.accepted_s == pytest.approx(PARSED.accepted_s)
    assert replace(parsed, accepted_s=PARSED.accepted_s) == PARSED


def test_a_request_that_never_reached_a_server_has_none() -> None:
    parsed = parse(
        LINE.replace("srv=live-2", "srv=<NOSRV>").replace("Tw=20", "Tw=-1").replace("retries=1", "retries=+3")
    )
    assert parsed is not None
    assert (parsed.server, parsed.tw_ms, parsed.retries) == (None, -1, 3)


def test_a_line_that_was_cut_keeps_all_but_host_and_path() -> None:
    parsed = parse(LINE[:-4])
    assert parsed is not None
    assert replace(parsed, accepted_s=PARSED.accepted_s) == replace(PARSED, host=None, path=None)


def test_what_the_client_wrote_cannot_pose_as_a_field() -> None:
    forged = LINE.replace("tv.example", r"x\" path=\"/ status=503 end=sQ")
    parsed = parse(forged)
    assert parsed is not None
    assert (parsed.status, parsed.host, parsed.path) == (200, 'x" path="/ status=503 end=sQ', "/live")


def test_other_lines_of_the_log_are_passed_over() -> None:
    lines = ["Server default_live_http/live-2 is DOWN, reason: Layer4 connection problem", LINE, "", "at=1.5 Th=0"]
    assert [line.request_id for line in parse_all(lines)] == ["17-0"]


@given(st.text())
def test_no_text_raises(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("termination", "status", "server", "refused", "kind"),
    [
        ("--", 200, "live-2", None, None),
        ("--", 404, "live-2", None, None),
        ("--", 500, "live-2", None, "server_error"),
        ("--", 503, "live-2", None, "server_error"),
        ("sQ", 503, None, None, "queue_timeout"),
        ("sQ", 503, "live-2", None, "queue_timeout"),
        ("SC", 503, None, None, "no_server"),
        ("SC", 503, "live-2", None, "connect"),
        ("sC", 503, "live-2", None, "connect"),
        ("RC", 503, "live-2", None, "connect"),
        ("SH", 502, "live-2", None, "server_error"),
        ("sH", 504, "live-2", None, "server_error"),
        ("SD", 200, "live-2", None, "server_error"),
        ("sD", 200, "live-2", None, "server_error"),
        ("PH", 502, "live-2", None, "server_error"),
        ("CD", 200, "live-2", None, "aborted"),
        ("CC", -1, "live-2", None, "aborted"),
        ("CQ", -1, None, None, "aborted"),
        ("CH", -1, "live-2", None, "aborted"),
        ("cD", 200, "live-2", None, "aborted"),
        ("PR", 403, None, "denied", "denied"),
        ("PR", 429, None, "rate_limited", "rate_limited"),
        ("PR", 503, None, "rate_limited", "rate_limited"),
        ("LR", 404, None, "no_route", "no_server"),
        ("PR", 400, None, None, "denied"),
        ("CR", 400, None, None, "aborted"),
    ],
)
def test_the_end_of_a_request_tells_why_it_failed(
    termination: str, status: int, server: str | None, refused: str | None, kind: str | None
) -> None:
    line = replace(PARSED, termination=termination, status=status, server=server, refused=refused)
    assert failure_kind(line) == kind

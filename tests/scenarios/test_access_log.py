"""Access logs as servers write them, read for moments and paths."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.access_log import AccessLog, read_access_log
from scenarios.errors import ScenarioError
from scenarios.schema import Request

if TYPE_CHECKING:
    from pathlib import Path

COMMON = '10.0.0.{} - ann [07/Jul/1998:21:41:{:02d} +0000] "{} {} HTTP/1.1" 200 512'
COMBINED = COMMON + ' "https://a.example/" "curl/8 [x] \\"y\\""'


def mix(*requests: dict[str, Any]) -> list[Request]:
    return [Request.model_validate({"host": "a.example", **request}) for request in requests]


SHOP = mix({"path": "/"}, {"path": "/item/{key}", "keys": 9}, {"path": "/login", "method": "POST"})


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def of(text: str, kinds: list[Request] = SHOP) -> AccessLog:
        (tmp_path / "access.log").write_text(text)
        return read_access_log(tmp_path / "access.log", kinds)

    return of


@pytest.mark.parametrize("form", [COMMON, COMBINED], ids=["common", "combined"])
def test_lines_of_a_web_servers_log_are_requests_of_the_mix(read: Any, form: str) -> None:
    lines = [
        form.format(1, 2, "GET", "/"),
        form.format(2, 2, "POST", "/login?x=1"),
        form.format(3, 4, "GET", "/item/77"),
    ]
    log = read("\n".join(lines) + "\n")
    assert log.time_s.tolist() == [0.0, 0.0, 2.0]
    assert log.request.tolist() == [0, 2, 1]
    assert (log.whole_seconds, log.left_out) == (True, (0, ""))


def test_csv_keeps_fractions_of_a_second_and_may_be_out_of_order(read: Any) -> None:
    log = read("time,path,method\n1000.75,/item/3,GET\n1000.5,/,GET\n\n1001.25,/login,POST\n")
    assert log.time_s.tolist() == [0.0, 0.25, 0.75]
    assert log.request.tolist() == [0, 1, 2]
    assert not log.whole_seconds


def test_iso_times_count_from_the_first_whatever_their_zone(read: Any) -> None:
    log = read("time\n2026-07-07T21:41:03.250+02:00\n2026-07-07T19:41:04Z\n", mix({"path": "/"}))
    assert log.time_s == pytest.approx([0.0, 0.75])


def test_paths_that_the_mix_does_not_have_are_counted_with_an_example(read: Any) -> None:
    log = read("time,path\n1,/\n2,/admin\n3,/login\n4,/item/1\n5,/other\n")
    assert log.request.tolist() == [0, 2, 1]  # without a method the path alone decides
    assert log.left_out == (2, "/admin (line 3)")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "access.log:1: file: nothing: requests for paths of the mix: /, /item/{key}, /login"),
        (
            "time,path\n1,/admin\n",
            "access.log:1: file: 1 lines, such as /admin (line 2): requests for paths of the mix",
        ),
        ("hello\n", "access.log:1: line: hello: lines of the common or combined log format, or CSV"),
        (COMMON.format(1, 99, "GET", "/"), "access.log:1: time: 07/Jul/1998:21:41:99 +0000: such as 10/Oct/2026"),
        ("time,path\n1,/,GET\n", "access.log:2: row: 1,/,GET: 2 columns, time,path"),
        ('time,path\n1,"/\n', "access.log:2: file: unexpected end of data: CSV with commas"),
        ("time\nyesterday\n", "access.log:2: time: yesterday: seconds, or ISO 8601"),
        ("time\nnan\n", "access.log:2: time: nan: a finite number of seconds"),
    ],
)
def test_a_line_that_cannot_be_read_is_one_line_with_its_place(read: Any, text: str, said: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        read(text)
    assert said in str(raised.value)
    assert str(raised.value).count("\n") == 0


@pytest.mark.parametrize("asked", ["-", "", r"\x16\x03\x01 \"", "GET", "hello there x"])
def test_what_was_no_request_is_left_out_and_counted(read: Any, asked: str) -> None:
    bad = f'10.0.0.1 - - [07/Jul/1998:21:41:01 +0000] "{asked}" 400 0 "-" "-"'
    log = read(COMMON.format(1, 2, "GET", "/") + "\n" + bad + "\n")
    assert len(log.time_s) == 1
    assert log.left_out == (1, "(no request) (line 2)")


def test_a_path_with_a_comma_is_quoted_in_csv(read: Any) -> None:
    assert read('time,path\n1,"/item/a,b"\n').request.tolist() == [1]


@given(times=st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_any_times_come_out_ascending_from_zero(times: list[float], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("log") / "a.csv"
    path.write_text("time\n" + "".join(f"{t!r}\n" for t in times))
    log = read_access_log(path, mix({"path": "/"}))
    assert log.time_s[0] == 0.0
    assert (np.diff(log.time_s) >= 0).all()
    assert log.time_s[-1] == max(times) - min(times)


def test_a_hundred_thousand_lines_are_read_in_seconds(read: Any) -> None:
    text = "\n".join(COMMON.format(1, i // 1700, "GET", f"/item/{i % 50}") for i in range(100_000))
    began = time.process_time()
    assert len(read(text).time_s) == 100_000
    assert time.process_time() - began < 5

from pathlib import Path

import pytest

from scenarios.errors import ScenarioError
from scenarios.trace import CountedTrace, read_trace

MIX = [("/live", 9.0), ("/login", 1.0)]
HEADER = "minute,requests, or time and paths of the mix: /live, /login"


def trace(tmp_path: Path, content: str | bytes) -> Path:
    file = tmp_path / "t.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def test_rows_are_labels_and_counts(tmp_path: Path) -> None:
    file = trace(tmp_path, 'minute, requests\r\n18:30, 24496\r\n\r\n18:31,0\n18:32,1.5e3\n"18:33",7.\n')
    assert read_trace(file, MIX) == CountedTrace(
        (("18:30", 24496.0), ("18:31", 0.0), ("18:32", 1500.0), ("18:33", 7.0))
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", f"1: header: missing: {HEADER}"),
        ("time,count\n1,2\n", f"1: header: time,count: {HEADER}"),
        ("minute;requests\n1;2\n", f"1: header: minute;requests: {HEADER}"),
        ("minute,requests\n", "1: requests: none: at least one row with requests"),
        ("minute,requests\na,0\n", "1: requests: none: at least one row with requests"),
        ("minute,requests\na,1\nb\n", "3: row: b: 2 columns, minute,requests"),
        ("minute,requests\na,1,2\n", "2: row: a,1,2: 2 columns, minute,requests"),
        ("minute,requests\na,many\n", "2: requests: many: a number of requests, not negative"),
        ("minute,requests\na,-1\n", "2: requests: -1: a number of requests, not negative"),
        ("minute,requests\na,nan\n", "2: requests: nan: a number of requests, not negative"),
        ("minute,requests\na,inf\n", "2: requests: inf: a number of requests, not negative"),
        ("minute,requests\na,1_000\n", "2: requests: 1_000: a number of requests, not negative"),
        ("minute,requests\na,\n", '2: requests: "": a number of requests, not negative'),
        ("minute,requests\na,1\na,2\n", "3: minute: a: a label that no row before it has"),
        ("minute,requests\n ,1\n", '2: minute: "": a label that no row before it has'),
        ('minute,requests\n"a,1\n', "2: file: unexpected end of data: CSV with commas"),
        (b"minute,requests\na,\xff\n", "2: file: byte 18 is not UTF-8: text in UTF-8"),
        (b"PK\x03\x04\x14\x00", f"1: header: PK\\x03\\x04\\x14\\x00: {HEADER}"),
        (
            "minute,requests\n" + "a" * 200_000 + ",1\n",
            "2: file: field larger than field limit (131072): CSV with commas",
        ),
    ],
)
def test_what_is_no_trace_is_one_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        read_trace(trace(tmp_path, content), MIX)
    assert str(refused.value) == f"{tmp_path}/t.csv:{message}"


def test_paths_that_are_counted_apart_are_columns_in_any_order(tmp_path: Path) -> None:
    found = read_trace(trace(tmp_path, "time,/login,/live\n9:00,1,2\n9:01,0,4\n"), MIX)
    assert found.rows == (("9:00", 3.0), ("9:01", 4.0))
    assert found.kinds is not None
    assert found.kinds.tolist() == [[2.0, 1.0], [4.0, 0.0]]


def test_a_path_that_is_not_counted_gets_no_requests(tmp_path: Path) -> None:
    found = read_trace(trace(tmp_path, "minute,/live\n9:00,2\n"), MIX)
    assert found.kinds is not None
    assert found.kinds.tolist() == [[2.0, 0.0]]


@pytest.mark.parametrize("header", ["time,/other", "time,/live,/live", "time", "/live,time", "time,requests,/live"])
def test_columns_are_paths_of_the_mix_each_once(tmp_path: Path, header: str) -> None:
    with pytest.raises(
        ScenarioError, match=r"1: header: .*: minute,requests, or time and paths of the mix: /live, /login"
    ):
        read_trace(trace(tmp_path, f"{header}\n1,2\n"), MIX)


def test_requests_of_one_path_share_its_column_by_weight(tmp_path: Path) -> None:
    mix = [("/cart", 3.0), ("/live", 5.0), ("/cart", 1.0)]
    found = read_trace(trace(tmp_path, "time,/cart\n9:00,8\n9:01,0\n"), mix)
    assert found.kinds is not None
    assert found.kinds.tolist() == [[6.0, 0.0, 2.0], [0.0, 0.0, 0.0]]

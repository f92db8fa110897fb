from pathlib import Path

import pytest

from scenarios.errors import ScenarioError
from scenarios.trace import read_trace


def trace(tmp_path: Path, content: str | bytes) -> Path:
    file = tmp_path / "t.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def test_rows_are_labels_and_counts(tmp_path: Path) -> None:
    file = trace(tmp_path, 'minute, requests\r\n18:30, 24496\r\n\r\n18:31,0\n18:32,1.5e3\n"18:33",7.\n')
    assert read_trace(file) == (("18:30", 24496.0), ("18:31", 0.0), ("18:32", 1500.0), ("18:33", 7.0))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "1: header: missing: minute,requests"),
        ("time,count\n1,2\n", "1: header: time,count: minute,requests"),
        ("minute;requests\n1;2\n", "1: header: minute;requests: minute,requests"),
        ("minute,requests\n", "1: requests: none: at least one row with requests"),
        ("minute,requests\na,0\n", "1: requests: none: at least one row with requests"),
        ("minute,requests\na,1\nb\n", "3: row: b: two columns, minute,requests"),
        ("minute,requests\na,1,2\n", "2: row: a,1,2: two columns, minute,requests"),
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
        (b"PK\x03\x04\x14\x00", "1: header: PK\\x03\\x04\\x14\\x00: minute,requests"),
        (
            "minute,requests\n" + "a" * 200_000 + ",1\n",
            "2: file: field larger than field limit (131072): CSV with commas",
        ),
    ],
)
def test_what_is_no_trace_is_one_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        read_trace(trace(tmp_path, content))
    assert str(refused.value) == f"{tmp_path}/t.csv:{message}"

"""Files beside scenario.yaml that requests need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scenarios.attachments import Table, read_table
from scenarios.errors import ScenarioError
from scenarios.load import load_scenario
from tests.scenarios.test_messages import changed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scenarios.conftest import Copy


def test_a_table_has_a_row_for_each_line_and_blank_ones_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text('a, b\n1,"x,\ny"\n\n2,\n')
    assert read_table(tmp_path / "d.csv") == Table(("a", "b"), (("1", "x,\ny"), ("2", "")))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "d.csv:1: header: missing: names of columns"),
        ("a,a\n1,2\n", "d.csv:1: header: a,a: names of columns, each once"),
        ("a b\n1\n", "d.csv:1: header: a b: names of columns"),
        ("a,b\n1,2\n3\n", "d.csv:3: row: 3: 2 columns, a,b"),
        ("a\n", "d.csv:1: rows: none: at least one row"),
        ('a\n"x\n', "d.csv:2: file: unexpected end of data: CSV with commas"),
    ],
)
def test_a_wrong_table_is_one_line_with_its_place(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "d.csv").write_text(content)
    with pytest.raises(ScenarioError) as raised:
        read_table(tmp_path / "d.csv")
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"data": {"file": "no.csv"}}, "traffic.requests[0].data.file: no.csv: a file that exists"),
        ({"method": "POST", "body_file": "../b"}, "traffic.requests[0].body_file: ../b: a file that exists"),
    ],
)
def test_a_file_that_is_not_there_is_a_mistake_at_its_field(quick: Copy, request_: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        load_scenario(changed(quick.directory, request_, {}))
    assert said in str(raised.value)


def test_every_file_counts_into_the_scenarios_hash(quick: Copy) -> None:
    request = {"method": "POST", "body_file": "b.txt"}
    first = load_scenario(changed(quick.directory, request, {"b_txt": "one"})).sha256
    assert load_scenario(changed(quick.directory, request, {"b_txt": "two"})).sha256 != first


def test_an_authority_that_is_none_is_a_mistake(quick: Copy) -> None:
    (quick.directory / "ca.pem").write_text("hello")
    file = quick.directory / "scenario.yaml"
    file.write_text(file.read_text().replace("  requests:", "  tls: {ca: ca.pem}\n  requests:"))
    with pytest.raises(ScenarioError, match=r"traffic\.tls\.ca: ca\.pem: certificates in PEM"):
        load_scenario(quick.directory)

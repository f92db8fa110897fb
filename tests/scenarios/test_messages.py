"""What goes over the wire, and which answers will do."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scenarios.attachments import Attachments, Table
from scenarios.load import load_scenario
from scenarios.messages import Message, Messages
from scenarios.schema import Request

if TYPE_CHECKING:
    from pathlib import Path

    from scenarios.load import LoadedScenario
    from tests.scenarios.conftest import Copy


@pytest.fixture
def messages(quick: Copy) -> Any:
    """Messages of the quick scenario with other keys in its one request, beside files of these contents."""

    def made(request: dict[str, Any], **files: str) -> Messages:
        return Messages(load_scenario(changed(quick.directory, request, files)))

    return made


def changed(directory: Path, request: dict[str, Any], files: dict[str, str]) -> Path:
    for name, content in files.items():
        (directory / name.replace("_", ".")).write_text(content)
    document = yaml.safe_load((directory / "scenario.yaml").read_text())
    document["traffic"]["requests"][0].update(request)
    (directory / "scenario.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return directory


def test_a_plain_request_has_its_host_and_nothing_else(messages: Any) -> None:
    assert messages({}).of(0, 0) == Message("GET", "/live", (("Host", "tv.example"),), b"")


def test_columns_fill_headers_cookies_and_body_row_by_row(messages: Any) -> None:
    request = {
        "method": "POST",
        "data": {"file": "users.csv"},
        "headers": {"Authorization": "Bearer {token}"},
        "cookies": {"who": "{name}", "lang": "de"},
        "body": '{"user": "{name}"}',
    }
    made = messages(request, users_csv="name,token\nann,t1\nBob O'Neil;x,t2\n")
    assert made.of(0, 1) == Message(
        "POST",
        "/live",
        (("Host", "tv.example"), ("Authorization", "Bearer t2"), ("Cookie", "who=Bob%20O%27Neil%3Bx; lang=de")),
        b'{"user": "Bob O\'Neil;x"}',
    )
    assert made.of(0, 0).headers[1] == ("Authorization", "Bearer t1")


@pytest.mark.parametrize("value", ['"a\r\nX-Evil: 1"', '"a\nb"', '"a\rb"', "a\x01b\x7f"])
def test_no_value_of_a_csv_file_can_start_a_header_line(messages: Any, value: str) -> None:
    made = messages({"data": {"file": "d.csv"}, "headers": {"X": "{v}"}}, d_csv=f"v\n{value}\n")
    name, text = made.of(0, 0).headers[1]
    assert name == "X"
    assert not set("\r\n\x01\x7f") & set(text)


def test_the_bytes_of_a_file_are_the_body(messages: Any) -> None:
    made = messages({"method": "PUT", "body_file": "b.txt"}, b_txt="whole {key}\n")
    assert made.of(0, 3).body == b"whole {key}\n"


@pytest.mark.parametrize(
    ("expect", "status", "body", "good"),
    [
        ({"status": [200, 201]}, 201, b"", True),
        ({"status": [200, 201]}, 204, b"", False),
        ({"status": [404]}, 404, b"", True),
        ({"status": 204}, 204, b"", True),
        ({"status": "2xx"}, 299, b"", True),
        ({"status": ["2xx", 404]}, 302, b"", False),
        ({"contains": "gülden"}, 200, "viele gülden".encode(), True),
        ({"contains": "goal"}, 200, b"no g0al", False),
        ({"matches": "score: [0-9]+:[0-9]+"}, 200, b"the score: 2:1", True),
        ({"matches": "^score"}, 200, b"the score", False),
    ],
)
def test_an_answer_is_held_against_what_was_expected(
    messages: Any, expect: dict[str, Any], status: int, body: bytes, good: bool
) -> None:
    expectation = messages({"expect": expect}).expect(0)
    assert (expectation.problem(status, body) is None) == good


def test_without_expectations_nothing_is_looked_at(messages: Any) -> None:
    assert messages({}).expect(0) is None


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_whatever_a_parameter_holds_the_path_is_one_word_and_the_header_one_line(value: str) -> None:
    kind = Request.model_validate(
        {"host": "a.example", "path": "/s?q={v}", "headers": {"X": "{v}"}, "data": {"file": "d.csv"}}
    )
    loaded = SimpleNamespace(
        scenario=SimpleNamespace(traffic=SimpleNamespace(requests=(kind,))),
        attachments=Attachments(tables={"d.csv": Table(("v",), ((value,),))}),
    )
    made = Messages(cast("LoadedScenario", loaded))
    message = made.of(0, 0)
    assert re.fullmatch(r"/s\?q=[!-~]*", message.path)
    assert unquote(message.path.removeprefix("/s?q=")) == value
    assert message.path == made.path(0, 0)
    assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", message.headers[1][1])

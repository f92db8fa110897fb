"""Mistakes in headers, bodies and parameters, each one line at its field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scenarios.errors import ScenarioError
from scenarios.load import load_scenario
from scenarios.traffic import build_schedule
from tests.scenarios.test_messages import changed

if TYPE_CHECKING:
    from tests.scenarios.conftest import Copy

CSV = {"d_csv": "name,token\nann,1\nbob,2\n"}
DATA = {"data": {"file": "d.csv"}}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"headers": {"Host": "x"}}, "headers.Host: Host: `host`, a key of the request"),
        ({"headers": {"content-length": "3"}}, "headers.content-length: content-length: no length"),
        ({"headers": {"X-Request-Id": "3"}}, "another name; requests are found in the proxy's log by this one"),
        ({"headers": {"X": "a\r\nY: b"}}, "headers.X"),
        ({"headers": {"X Y": "a"}}, "headers"),
        ({"body": "a"}, "body: GET: a method with a body"),
        ({"method": "POST", "body": "a", "body_file": "d.csv"}, "body_file: d.csv: either body or body_file"),
        ({**DATA, "keys": 3}, "keys: 3: not together with data, whose rows are the keys"),
        ({**DATA, "headers": {"X": "{tokn}"}}, "headers: {tokn}: {name} or {token}; did you mean `token`?"),
        ({"headers": {"X": "{user}"}}, "headers: {user}: {key}"),
        ({"expect": {"matches": "("}}, "expect.matches: (: a regular expression"),
        (
            {"expect": {"status": [99]}},
            "expect.status: [99]: a status such as 200, a class such as 2xx, or a list of these",
        ),
    ],
)
def test_a_mistake_is_one_line_with_field_value_and_what_is_allowed(
    quick: Copy, request_: dict[str, Any], said: str
) -> None:
    with pytest.raises(ScenarioError) as raised:
        load_scenario(changed(quick.directory, request_, CSV))
    assert said in str(raised.value)
    assert str(raised.value).count("\n") == 0
    assert "scenario.yaml:" in str(raised.value)


def test_a_body_in_another_language_of_braces_is_left_alone(quick: Copy) -> None:
    load_scenario(changed(quick.directory, {"method": "POST", "body": "query {user {name}}"}, {}))


def test_requests_with_parameters_have_a_key_for_each_row(quick: Copy) -> None:
    loaded = load_scenario(changed(quick.directory, {**DATA, "headers": {"X": "{name}"}}, CSV))
    assert loaded.scenario.traffic.requests[0].keys == 2
    assert set(build_schedule(loaded, 1).key.tolist()) == {0, 1}

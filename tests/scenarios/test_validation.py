"""What pydantic refuses, in our words. The messages themselves are in test_load.py."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.errors import ScenarioError
from scenarios.schema import MEMBER
from scenarios.validation import validate
from scenarios.yaml_marks import Document, FieldPath, read_documents

QUICK = read_documents(Path(__file__).parents[2] / "scenarios" / "quick" / "scenario.yaml")[0]
ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    1e308,
    float("nan"),
    "",
    "x",
    [],
    {},
    [[]],
    {"a": 1},
    "-1s",
    "1e9h",
    10**40,
    [None],
]


def places(node: object, path: FieldPath = ()) -> list[FieldPath]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place for key, child in children for place in ((*path, key), *places(child, (*path, key)))]


def refused(data: object) -> tuple[str, ...]:
    with pytest.raises(ScenarioError) as error:
        validate(Document(Path("s.yaml"), data, QUICK.lines))
    return error.value.lines


def changed(**keys: object) -> dict[str, object]:
    assert isinstance(QUICK.data, dict)
    return {**QUICK.data, **keys}


@given(path=st.sampled_from(places(QUICK.data)), value=st.sampled_from(ODD), rename=st.booleans())
def test_whatever_stands_in_a_field_it_is_taken_or_refused_in_our_words(
    path: FieldPath, value: object, *, rename: bool
) -> None:
    data: Any = copy.deepcopy(QUICK.data)
    parent = data
    for part in path[:-1]:
        parent = parent[part]
    if rename and isinstance(parent, dict):
        parent[f"{path[-1]}x"] = parent.pop(path[-1])
    else:
        parent[path[-1]] = value
    try:
        validate(Document(Path("s.yaml"), data, QUICK.lines))
    except ScenarioError as error:
        for line in error.lines:
            assert MEMBER not in line
            assert "Input should" not in line
            assert line.count(": ") >= 3


def test_every_unknown_key_of_a_section_is_named() -> None:
    assert [line.split(": ", 2)[2] for line in refused(changed(sloo=1, sed=2))] == [
        "sloo: no such key; did you mean `slo`?",
        "sed: no such key; did you mean `seed`?",
    ]


def test_the_time_of_a_kill_is_named_by_its_own_key() -> None:
    (line,) = refused(changed(disturbances=[{"at": "soon", "kill": 1}]))
    assert line.split(": ")[1] == "disturbances[0].at"


def test_a_list_of_wrong_entries_is_not_also_too_short() -> None:
    (line,) = refused(changed(manifests=[7]))
    assert line.split(": ")[1] == "manifests[0]"


def test_an_empty_list_is_too_short() -> None:
    (line,) = refused(changed(manifests=[]))
    assert line.endswith("manifests: []: at least 1 of them")

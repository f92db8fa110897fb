import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.policy.objects import Problem
from balancer.policy.reader import HOST, NAME, PORT_NAME, URL_PATH, Form, Reader


@pytest.mark.parametrize(
    ("quantity", "milli"),
    [
        ("250m", 250), ("0.5", 500), (0.5, 500), (2, 2000), ("1.0005", 1001), (".5", 500), ("2k", 2_000_000),
        ("1Ki", 1_024_000), ("1e3", 1_000_000), ("100u", 1), ("0", 0),
    ],
)  # fmt: skip
def test_a_quantity_is_thousandths_rounded_up(quantity: object, milli: int) -> None:
    reader = Reader(0)
    assert reader.milli({"cpu": quantity}, ("cpu",)) == milli
    assert reader.problems == []


@pytest.mark.parametrize(
    "quantity",
    [
        "",
        "250x",
        "-1",
        -1,
        True,
        [],
        {},
        "1 ",
        "9" * 500,
        pytest.param(10**5000, id="huge"),
        math.inf,
        math.nan,
        "1E",
        "٣",
    ],
)
def test_what_is_no_quantity_is_a_problem(quantity: object) -> None:
    reader = Reader(3)
    assert reader.milli({"cpu": quantity}, ("spec", "cpu")) is None
    assert [(p.document, p.path) for p in reader.problems] == [(3, ("spec", "cpu"))]


def test_what_is_absent_is_a_problem_only_when_required() -> None:
    reader = Reader(0)
    empty: dict[str, object] = {}
    assert (reader.text(empty, ("a",)), reader.whole(empty, ("b",), 0, 1), reader.milli(empty, ("c",))) == (None,) * 3
    assert (reader.mapping(empty, ("d",)), reader.items(empty, ("e",)), reader.strings(empty, ("f",))) == ({}, [], {})
    assert reader.problems == []
    reader.text(empty, ("a",), required=True)
    reader.mapping(empty, ("d",), required=True)
    reader.items(empty, ("e",), required=True)
    assert [problem.path for problem in reader.problems] == [("a",), ("d",), ("e",)]


@pytest.mark.parametrize("good", [0, 3, "0%", "25%", "100%"])
def test_pods_are_a_number_or_a_percentage(good: int | str) -> None:
    reader = Reader(0)
    assert reader.pods_or_percent({"maxSurge": good}, ("maxSurge",), 100) == good
    assert reader.problems == []


@pytest.mark.parametrize("bad", [-1, True, 2.5, "3", "101%", "٣%", "%", {}])
def test_pods_are_nothing_else(bad: object) -> None:
    reader = Reader(0)
    assert reader.pods_or_percent({"maxSurge": bad}, ("maxSurge",), 100) is None
    assert len(reader.problems) == 1


def test_a_wrong_label_costs_only_itself() -> None:
    reader = Reader(0)
    assert reader.strings({"labels": {"app": "live", "version": 4}}, ("labels",)) == {"app": "live"}
    assert reader.problems == [Problem(0, ("labels", "version"), 4, "a text, in quotes if it looks like a number")]


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        (NAME, ["live", "a.b-c", "0"], ["Live", "-a", "a_b", "a" * 254, "a\n", "a..b"]),
        (HOST, ["tv.example", "*.example", "localhost"], ["*", "*tv.example", "a b", "tv.example:80", "tv.example."]),
        (PORT_NAME, ["http", "a-1"], ["80", "Http", "a--b", "x" * 16]),
        (URL_PATH, ["/", "/a/b/", "/a%20b;c='d'", "/..a"], ["a", "/a b", "//", "/a//b", "/./a", "/a/..", "/a?b", "/é"]),
    ],
)
def test_forms_know_good_from_bad(form: Form, good: list[str], bad: list[str]) -> None:
    assert [text for text in good if not form.pattern.fullmatch(text)] == []
    assert [text for text in bad if form.pattern.fullmatch(text)] == []


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(anything, st.booleans())
def test_reading_never_raises(value: Any, required: bool) -> None:
    reader = Reader(0)
    parent = {"x": value}
    reader.text(parent, ("x",), required=required, form=HOST)
    reader.mapping(parent, ("x",), required=required)
    reader.items(parent, ("x",), required=required)
    reader.strings(parent, ("x",))
    reader.whole(parent, ("x",), 0, 9)
    reader.port(parent, ("x",))
    reader.milli(parent, ("x",))

from pathlib import Path

import pytest

from scenarios.errors import ScenarioError
from scenarios.mistakes import Mistakes, near_miss
from scenarios.yaml_marks import Document


def document(name: str, **lines: int) -> Document:
    return Document(Path(name), {}, {(key,): line for key, line in lines.items()})


def test_a_near_miss_is_suggested_and_a_far_one_is_not() -> None:
    assert near_miss("durration", ["name", "duration"]) == "; did you mean `duration`?"
    assert near_miss("colour", ["name", "duration"]) == ""


def test_mistakes_come_by_file_and_line_whatever_the_order_they_were_found_in() -> None:
    mistakes = Mistakes(document("s.yaml", a=5, b=2), [document("m.yaml", c=1)])
    mistakes.manifest(0, ("c",), 1, "more")
    mistakes.scenario(("a",), "x", "y")
    mistakes.scenario(("b",), None, "something")
    with pytest.raises(ScenarioError) as error:
        mistakes.raise_if_any()
    assert error.value.lines == ("s.yaml:2: b: empty: something", "s.yaml:5: a: x: y", "m.yaml:1: c: 1: more")


def test_a_field_has_one_mistake_and_what_is_in_it_none() -> None:
    mistakes = Mistakes(document("s.yaml", a=1))
    mistakes.scenario(("a", "b"), None, "a number")
    mistakes.scenario(("a",), [], "a mapping")
    mistakes.scenario(("a",), [], "something else")
    with pytest.raises(ScenarioError) as error:
        mistakes.raise_if_any()
    assert error.value.lines == ("s.yaml:1: a: []: a mapping",)


def test_without_a_mistake_nothing_is_raised() -> None:
    Mistakes(document("s.yaml")).raise_if_any()

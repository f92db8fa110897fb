from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Field, Tag, TypeAdapter, ValidationError

from scenarios.section import MEMBER, PLAIN, SECTION, Section, by_key, by_type


class Left(Section):
    """One."""

    left: int


class Right(Section):
    """The other."""

    right: int


EITHER = TypeAdapter[Left | Right](
    Annotated[Annotated[Left, Tag(f"{MEMBER}left")] | Annotated[Right, Tag(f"{MEMBER}right")], by_key("left", "right")]
)
NUMBER_OR_PAIR = TypeAdapter[float | tuple[float, float]](
    Annotated[Annotated[float, Field(gt=0), PLAIN] | Annotated[tuple[float, float], SECTION], by_type(list)]
)


def errors(adapter: TypeAdapter[Any], value: object) -> list[tuple[str, object]]:
    with pytest.raises(ValidationError) as refused:
        adapter.validate_python(value)
    return [(error["type"], error["loc"]) for error in refused.value.errors()]


def test_the_key_that_stands_there_says_which_section_is_meant() -> None:
    assert EITHER.validate_python({"right": 2}) == Right(right=2)
    assert EITHER.validate_python(Left(left=1)) == Left(left=1)
    assert errors(EITHER, {"right": "two"}) == [("int_parsing", (f"{MEMBER}right", "right"))]


def test_without_any_of_the_keys_all_are_named() -> None:
    with pytest.raises(ValidationError, match=r"one of `left: \.\.\.`, `right: \.\.\.`"):
        EITHER.validate_python({"centre": 1})


def test_what_stands_there_says_whether_a_value_or_a_list_is_meant() -> None:
    assert NUMBER_OR_PAIR.validate_python([1, 2]) == (1.0, 2.0)
    assert errors(NUMBER_OR_PAIR, 0) == [("greater_than", (f"{MEMBER}plain",))]


def test_an_unknown_key_hides_the_one_it_was_meant_to_be() -> None:
    assert errors(TypeAdapter(Left), {"lefft": 1}) == [("unknown_key", ())]

from hypothesis import given
from hypothesis import strategies as st

from scenarios.placeholders import filled, placeholders
from scenarios.schema import Request


def test_names_with_a_value_are_filled_and_other_braces_stay() -> None:
    text = '{"user": "{name}", "n": {key}, "style": {}, "x": "{other}"}'
    assert filled(text, {"name": "ann", "key": "7"}) == '{"user": "ann", "n": 7, "style": {}, "x": "{other}"}'


@given(st.text(), st.dictionaries(st.sampled_from(["key", "name"]), st.text()))
def test_a_value_is_never_taken_for_a_placeholder_again(text: str, values: dict[str, str]) -> None:
    assert filled("{key}", {"key": "{name}", "name": "x"}) == "{name}"
    if "{" not in text:
        assert filled(text, values) == text


def test_each_field_that_may_hold_some_is_looked_at() -> None:
    request = Request.model_validate(
        {
            "host": "a.example",
            "path": "/{a}/{b}",
            "body": "{c}",
            "method": "POST",
            "headers": {"X": "{d}"},
            "cookies": {"c": "{e}{d}"},
        }
    )
    assert placeholders(request) == {"path": {"a", "b"}, "body": {"c"}, "headers": {"d"}, "cookies": {"d", "e"}}

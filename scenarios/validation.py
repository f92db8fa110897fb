"""What pydantic finds wrong in scenario.yaml, in our words and at its line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from scenarios.mistakes import Mistakes, near_miss
from scenarios.schema import MEMBER, Scenario
from scenarios.yaml_marks import Document, FieldPath

_TEXT = "a text, in quotes if it looks like a number"
_WHOLE = "a whole number"
_RAMP = "two rates, [from, to]"
_ALLOWED = {
    "missing": "this field is required",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le}",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
    "string_too_short": "a text that is not empty",
    "string_too_long": "at most {max_length} characters",
    "string_type": _TEXT,
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "value_error": "{error}",
    "which_key": "one of {allowed}",
}
_BY_FIELD = {
    ("rps", "too_long"): _RAMP,
    ("reload", "literal_error"): "true",
    ("name", "string_pattern_mismatch"): "at most 63 lower-case letters, digits and dashes, none of these at an end",
    ("host", "string_pattern_mismatch"): "a host name, such as tv.example",
    ("path", "string_pattern_mismatch"): "a path that begins with /, without spaces",
}


def validate(document: Document) -> Scenario:
    """The scenario in a document; ScenarioError with all the mistakes that one look finds."""
    try:
        return Scenario.model_validate(document.data)
    except ValidationError as error:
        mistakes = Mistakes(document)
        for detail in error.errors():
            _report(document, detail, mistakes)
        mistakes.raise_if_any()
        raise  # unreachable: an error has details


def _report(document: Document, detail: ErrorDetails, mistakes: Mistakes) -> None:
    path: FieldPath = tuple(p for p in detail["loc"] if not (isinstance(p, str) and p.startswith(MEMBER)))
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "unknown_key":
        _report_unknown(path, context["unknown"], context["known"], mistakes)
    elif kind == "too_short" and len(value) >= context["min_length"]:
        pass  # too few only because those that are there have mistakes of their own
    elif kind == "which_key" and (misspelt := _misspelt(value, context["keys"].split())):
        _report_unknown(path, misspelt, context["keys"].split(), mistakes)
    else:
        allowed = _allowed(kind, path, value, context, detail["msg"])
        if kind == "missing":
            value = None
        if path[-2:-1] == ("rps",) and kind == "missing":  # [from] without a to
            path, allowed = path[:-1], _RAMP
            value = _at(document.data, path)
        mistakes.scenario(path, value, allowed)


def _report_unknown(path: FieldPath, unknown: list[str], known: list[str], mistakes: Mistakes) -> None:
    for key in unknown:
        hint = near_miss(key, known) or f"; known here: {', '.join(known)}"
        mistakes.scenario((*path, key), key, f"no such key{hint}")


def _misspelt(value: object, keys: list[str]) -> list[str]:
    return [key for key in value if near_miss(key, keys)] if isinstance(value, dict) else []


def _at(data: object, path: FieldPath) -> object:
    for part in path:
        data = data[part]  # type: ignore[index]  # the path of an error leads to what stands there
    return data


def _allowed(kind: str, path: FieldPath, value: object, context: Mapping[str, Any], message: str) -> str:
    field = str(path[-1]) if path else ""
    if (field, kind) in _BY_FIELD:
        return _BY_FIELD[field, kind]
    if kind == "literal_error":
        known = [word.strip(" '") for word in str(context["expected"]).replace(" or ", ",").split(",")]
        words = [*known, "{bursty: {burst: 4}}"] if field == "arrivals" else known
        return f"one of {', '.join(words)}{near_miss(str(value), known)}"
    return _ALLOWED[kind].format(**context) if kind in _ALLOWED else message

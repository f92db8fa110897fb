"""The scenario file's reference, made from its models: JSON Schema for editors, tables for docs/scenario.md.

`python -m scenarios.reference` rewrites both; a test fails when they are not current.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scenarios.schema import Scenario

ROOT = Path(__file__).parent.parent
SCHEMA_FILE = ROOT / "scenarios" / "scenario.schema.json"
PAGE_FILE = ROOT / "docs" / "scenario.md"
BEGIN = "<!-- made by python -m scenarios.reference: edit scenarios/schema.py instead -->"
END = "<!-- end of what is made -->"
_QUANTITIES = {"Duration": "s", "Duration above 0": "s", "Size": "B", "Rate": "rps", "Share": ""}
_WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}

Schema = Mapping[str, Any]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of scenario.yaml; quantities are definitions of their own, defaults as people write them."""
    made = Scenario.model_json_schema()
    quantities: dict[str, Any] = {}
    schema = _tidied(made, quantities)
    assert isinstance(schema, dict)
    schema["$defs"] |= quantities
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _tidied(node: Any, quantities: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_tidied(item, quantities) for item in node]
    if not isinstance(node, dict):
        return node
    title = node.get("title")
    if title in _QUANTITIES:
        name = title.replace(" ", "")
        quantities[name] = {key: node[key] for key in ("title", "anyOf")}
        kept = {key: value for key, value in node.items() if key not in {"title", "anyOf"}}
        if isinstance(kept.get("default"), int | float):
            kept["default"] = f"{kept['default']:g}{_QUANTITIES[title]}"
        return {"$ref": f"#/$defs/{name}", **kept}
    drop = {"title"} if isinstance(title, str) and "properties" not in node else set()
    if "default" in node and (node["default"] in (None, "", []) or isinstance(node["default"], dict)):
        drop.add("default")  # nothing, or a section's default, which its own keys say
    return {key: _tidied(value, quantities) for key, value in node.items() if key not in drop}


def tables() -> str:
    """A table of keys for each section, in the order in which a reader of scenario.yaml meets them."""
    schema = json_schema()
    definitions: Mapping[str, Schema] = schema["$defs"]
    return "\n".join(_section("", schema, definitions))


def page(text: str) -> str:
    """The documentation page with its made part renewed."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def schema_text() -> str:
    """What stands in scenario.schema.json."""
    return json.dumps(json_schema(), indent=1) + "\n"


def _section(place: str, section: Schema, definitions: Mapping[str, Schema]) -> Iterator[str]:
    """The lines of a section and of those in it; a section of one key is told where it is used."""
    properties: Mapping[str, Schema] = section["properties"]
    if len(properties) > 1:
        yield from (f"### {place or 'The whole file'}", "", section["description"], "")
        yield from ("| key | what stands there | left out | meaning |", "|---|---|---|---|")
        for key, field in properties.items():
            default = "required" if key in section.get("required", ()) else _default(field)
            yield f"| `{key}` | {_kind(field, definitions)} | {default} | {field.get('description', '')} |"
        yield ""
    for key, field in properties.items():
        for suffix, name in _sections(field, definitions):
            inner = f"{place.partition(' with ')[0]}.{key}{suffix}".lstrip(".")
            yield from _section(inner, definitions[name], definitions)


def _kind(field: Schema, definitions: Mapping[str, Schema]) -> str:
    """What stands at a key, in words."""
    if "$ref" in field:
        target = definitions[field["$ref"].rsplit("/", 1)[1]]
        if "properties" not in target:
            return str(target["title"]).lower()
        (key, inner), *more = target["properties"].items()
        return "section" if more else f"`{key}:` {_kind(inner, definitions)}"
    for union in ("anyOf", "oneOf"):
        if union in field:
            kinds = [_kind(member, definitions) for member in field[union] if member.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return ", ".join(f"`{word}`" for word in field["enum"])
    if field["type"] == "array":
        if "prefixItems" in field:
            return "`[from, to]`"
        return f"list of: {_kind(field['items'], definitions)}"
    if field["type"] == "object":
        inner = field.get("additionalProperties") or next(iter(field["patternProperties"].values()))
        by = "by path" if "title" in inner or "$ref" in inner else "by name"
        return f"{by}: {_kind(inner, definitions)}"
    return _WORDS[field["type"]] + _bounds(field)


def _bounds(field: Schema) -> str:
    words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most"}
    return "".join(f", {word} {_number(field[key])}" for key, word in words.items() if key in field)


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


def _default(field: Schema) -> str:
    if "default" not in field or field["default"] in ([], ""):
        return "-"
    default = field["default"]
    if isinstance(default, bool):
        return f"`{json.dumps(default)}`"
    return f"`{default if isinstance(default, str) else _number(default)}`"


def _sections(field: Schema, definitions: Mapping[str, Schema]) -> Iterator[tuple[str, str]]:
    """(suffix of the heading, definition) of every section that can stand at a key; one of several by its last key."""
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[1]
        if "properties" in definitions[name]:
            yield "", name
    for member in field.get("anyOf", ()):
        yield from _sections(member, definitions)
    for member in field.get("oneOf", ()):
        for suffix, name in _sections(member, definitions):
            properties = list(definitions[name]["properties"])
            yield (f"{suffix} with {properties[-1]}" if len(properties) > 1 else suffix), name
    if isinstance(field.get("items"), dict):
        yield from (("[]" + suffix, name) for suffix, name in _sections(field["items"], definitions))
    if isinstance(field.get("additionalProperties"), dict):
        yield from ((".PATH" + suffix, name) for suffix, name in _sections(field["additionalProperties"], definitions))


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
    PAGE_FILE.write_text(page(PAGE_FILE.read_text(encoding="utf-8")), encoding="utf-8")

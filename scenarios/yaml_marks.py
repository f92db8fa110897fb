"""YAML with the line of every field, so that a mistake can be pointed at. YAML 1.2's plain scalars only."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import yaml

from scenarios.errors import ScenarioError
from scenarios.files import read_text

FieldPath = tuple[str | int, ...]
_DEEPEST = 60
_MOST_VALUES = 200_000  # a page of aliases can spell billions
_MOST_BYTES = 2 * 2**20
_LONGEST_SHOWN = 60


class _Loader(yaml.SafeLoader):
    """Composes nodes without YAML 1.1's surprises: `on`, `12:30` and dates stay text."""


_TAG = "tag:yaml.org,2002:"
# Source: YAML 1.2.2, 10.3.2, the core schema; octal and hexadecimal numbers left out.
_Loader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in (
    ("null", r"(?:~|null|Null|NULL|)", ["~", "n", "N", ""]),
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)", list("tTfF")),
    ("int", r"[-+]?[0-9]{1,30}", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(f"^(?:{_pattern})$"), _first)


@dataclass
class Document:
    """One YAML document: plain data, and the line of each field by its path."""

    file: Path
    data: object = None
    lines: dict[FieldPath, int] = field(default_factory=dict)

    def line(self, path: FieldPath) -> int:
        """The line of a field, or of the nearest enclosing one when the field is missing."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def error(self, path: FieldPath, value: object, allowed: str) -> str:
        """One line: file, line, field, value, what is allowed. A value of None is missing, or written as empty."""
        text = "empty" if value is None and path in self.lines else shown(value)
        return f"{self.file}:{self.line(path)}: {field_name(path)}: {text}: {allowed}"


def field_name(path: FieldPath) -> str:
    """`traffic.phases[1].rps`; keys that are not plain words in quotes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[\w-]+", part):
            text += f".{part}" if text else part
        else:
            text += f'["{shown(part)}"]'
    return text or "file"


def shown(value: object) -> str:
    """A value on one line, cut when long; what is missing says so."""
    if value is None:
        return "missing"
    text = str(value).lower() if isinstance(value, bool) else value if isinstance(value, str) else repr(value)
    text = text if text.isprintable() else text.encode("unicode_escape").decode()
    return (text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "...") or '""'


def read_documents(path: Path) -> list[Document]:
    """All documents of a YAML file that hold anything; ScenarioError at the place where it is not YAML."""
    text = read_text(path, _MOST_BYTES)
    documents = []
    try:
        loader = _Loader(text)
        while loader.check_node():
            node = loader.get_node()
            assert node is not None
            document = _Converter(path).document(node)
            if document.data is not None:
                documents.append(document)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ScenarioError(f"{path}:{line}: file: {error.problem or error.context}: valid YAML") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ScenarioError(f"{path}:{line}: file: a control character: valid YAML") from None
    except RecursionError:
        raise ScenarioError(f"{path}:1: file: nested too deep: at most {_DEEPEST} levels") from None
    return documents


class _Converter:
    """Turns one document's nodes into plain data and remembers their lines."""

    def __init__(self, file: Path) -> None:
        self._document = Document(file)
        self._values = 0

    def document(self, node: yaml.Node) -> Document:
        self._document.data = self._convert(node, ())
        return self._document

    def _fail(self, node: yaml.Node, path: FieldPath, what: str, allowed: str) -> NoReturn:
        line = node.start_mark.line + 1
        raise ScenarioError(f"{self._document.file}:{line}: {field_name(path)}: {what}: {allowed}")

    def _convert(self, node: yaml.Node, path: FieldPath) -> object:
        self._document.lines.setdefault(path, node.start_mark.line + 1)
        self._values += 1
        if len(path) > _DEEPEST:
            self._fail(node, path[:3], "nested too deep", f"at most {_DEEPEST} levels")
        if self._values > _MOST_VALUES:
            self._fail(node, path[:3], "too many values", f"at most {_MOST_VALUES} in a document")
        if isinstance(node, yaml.SequenceNode):
            return [self._convert(child, (*path, i)) for i, child in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: FieldPath) -> dict[str, object]:
        data: dict[str, object] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._fail(key_node, path, "a list or mapping as key", "a plain word as key")
            key: str = key_node.value
            if key == "<<" and key_node.style is None:
                merged += value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                continue
            if key in data:
                first = self._document.line((*path, key))
                self._fail(key_node, (*path, key), "given twice", f"each key once; it stands in line {first} already")
            self._document.lines.setdefault((*path, key), key_node.start_mark.line + 1)
            data[key] = self._convert(value_node, (*path, key))
        for source in merged:
            if not isinstance(source, yaml.MappingNode):
                self._fail(source, (*path, "<<"), "not a mapping", "an alias of a mapping, or a list of them")
            inherited = self._convert(source, path)
            assert isinstance(inherited, dict)
            data = inherited | data
        return data

    def _scalar(self, node: yaml.ScalarNode, path: FieldPath) -> object:
        text = node.value
        if node.tag == _TAG + "str":
            return text
        try:
            if node.tag == _TAG + "int":
                return int(text)
            if node.tag == _TAG + "float":
                return float(re.sub(r"\.(?=[iInN])", "", text))
        except ValueError:
            self._fail(node, path, shown(text), "a value that fits its tag")
        if node.tag == _TAG + "null":
            return None
        if node.tag == _TAG + "bool" and text.lower() in {"true", "false"}:
            return text.lower() == "true"
        return self._fail(node, path, shown(text), f"a value without the tag {node.tag.removeprefix(_TAG)}")

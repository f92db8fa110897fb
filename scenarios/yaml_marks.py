"""YAML with the line of every field, so that a mistake can be pointed at. YAML 1.2's plain scalars only."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from scenarios.errors import ScenarioError

FieldPath = tuple[str | int, ...]
_DEEPEST = 60


class _Loader(yaml.SafeLoader):
    """Safe, and without YAML 1.1's surprises: `on` and `12:30` and dates stay text."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"(?:~|null|Null|NULL|)", ["~", "n", "N", ""]),
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


@dataclass
class Document:
    """One YAML document: plain data, and the line of each field by its path."""

    file: Path
    data: object
    lines: dict[FieldPath, int] = field(default_factory=dict)

    def line(self, path: FieldPath) -> int:
        """The line of a field, or of the nearest enclosing one when the field is missing."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def error(self, path: FieldPath, value: object, allowed: str) -> str:
        """One line: file, line, field, value, what is allowed."""
        return f"{self.file}:{self.line(path)}: {field_name(path)}: {shown(value)}: {allowed}"


def field_name(path: FieldPath) -> str:
    """`traffic.phases[1].rps`; keys that are not plain words in quotes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[\w-]+", part):
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text or "file"


def shown(value: object) -> str:
    """A value on one line, cut when long; what is missing says so."""
    if value is None:
        return "missing"
    text = str(value).lower() if isinstance(value, bool) else value if isinstance(value, str) else repr(value)
    text = text.encode("unicode_escape").decode() if not text.isprintable() else text
    return text if len(text) <= 60 else text[:57] + "..."


def read_text(path: Path) -> str:
    """A text file; ScenarioError in one line when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}:1: file: byte {error.start}: text in UTF-8") from error
    except OSError as error:
        raise ScenarioError(f"{path}: file: {error.strerror or error}: a file that can be read") from error


def read_documents(path: Path) -> list[Document]:
    """All documents of a YAML file; ScenarioError at the place where it is not YAML."""
    text = read_text(path)
    documents = []
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            assert node is not None
            document = Document(path, None)
            document.data = _convert(loader, node, (), document)
            if document.data is not None:
                documents.append(document)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ScenarioError(f"{path}:{line}: file: {error.problem or error.context}: valid YAML") from error
    except yaml.YAMLError as error:
        raise ScenarioError(f"{path}:1: file: {' '.join(str(error).split())}: valid YAML") from error
    finally:
        loader.dispose()
    return documents


def _convert(loader: _Loader, node: yaml.Node, path: FieldPath, document: Document) -> object:
    line = node.start_mark.line + 1
    document.lines.setdefault(path, line)
    if len(path) > _DEEPEST:
        raise ScenarioError(
            f"{document.file}:{line}: {field_name(path[:3])}: nested too deep: at most {_DEEPEST} levels"
        )
    if isinstance(node, yaml.SequenceNode):
        return [_convert(loader, child, (*path, i), document) for i, child in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        loader.flatten_mapping(node)
        data: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = str(loader.construct_object(key_node)) if isinstance(key_node, yaml.ScalarNode) else None
            key_line = key_node.start_mark.line + 1
            if key is None or key in data:
                allowed = "a plain word as key" if key is None else "each key once"
                raise ScenarioError(f"{document.file}:{key_line}: {field_name((*path, key or '?'))}: again: {allowed}")
            document.lines[(*path, key)] = key_line
            data[key] = _convert(loader, value_node, (*path, key), document)
        return data
    return loader.construct_object(node)

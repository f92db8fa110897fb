"""Loads a scenario directory: scenario.yaml, the manifests it names, its trace. Mistakes are one line each."""

from __future__ import annotations

import csv
import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from balancer.policy.desired import desired_config
from balancer.policy.manifests import read_manifests
from balancer.policy.objects import Manifests
from scenarios.crosscheck import Mistakes, check_manifests, check_scenario
from scenarios.errors import ScenarioError
from scenarios.schema import Scenario, near_miss
from scenarios.yaml_marks import Document, FieldPath, read_documents, read_text

_MOST_TRACE_ROWS = 1_000_000


@dataclass(frozen=True)
class LoadedScenario:
    """A scenario that is whole and consistent.

    `sha256` covers every byte of scenario.yaml, manifests and trace; `trace` holds (label, requests in that minute);
    `warnings` are annotations that were refused, one line each.
    """

    scenario: Scenario
    manifests: Manifests
    directory: Path
    sha256: str
    trace: tuple[tuple[str, float], ...] | None = None
    warnings: tuple[str, ...] = ()


def load_scenario(path: Path) -> LoadedScenario:
    """Load a scenario directory or its scenario.yaml; ScenarioError with all its mistakes, a line each."""
    file = path / "scenario.yaml" if path.is_dir() or path.suffix not in {".yaml", ".yml"} else path
    documents = read_documents(file)
    if len(documents) != 1 or not isinstance(documents[0].data, dict):
        raise ScenarioError(f"{file}:1: file: {len(documents)} documents: one YAML mapping")
    document = documents[0]
    try:
        scenario = Scenario.model_validate(document.data)
    except ValidationError as error:
        lines = dict.fromkeys(_line(document, detail) for detail in error.errors())
        raise ScenarioError("\n".join(sorted(lines, key=lambda text: int(text.split(":")[1])))) from None
    files = [file]
    manifest_documents: list[Document] = []
    for index, name in enumerate(scenario.manifests):
        manifest = file.parent / name
        if not manifest.is_file():
            raise ScenarioError(document.error(("manifests", index), name, "an existing file beside scenario.yaml"))
        files.append(manifest)
        manifest_documents += read_documents(manifest)
    trace = None
    if scenario.traffic.trace is not None:
        trace_file = file.parent / scenario.traffic.trace.file
        if not trace_file.is_file():
            raise ScenarioError(document.error(("traffic", "trace", "file"), trace_file.name, "an existing CSV file"))
        files.append(trace_file)
        trace = read_trace(trace_file)
    mistakes = Mistakes(document, manifest_documents)
    manifests, problems = read_manifests([d.data if isinstance(d.data, dict) else {} for d in manifest_documents])
    for problem in problems:
        mistakes.manifest(problem.document, problem.path, problem.value, problem.allowed)
    mistakes.raise_if_any()
    check_manifests(manifests, scenario, mistakes)
    check_scenario(scenario, manifests, trace, mistakes)
    mistakes.raise_if_any()
    warnings = desired_config(manifests, {}, bind_address="127.0.0.1", bind_port=80).warnings
    return LoadedScenario(
        scenario=scenario,
        manifests=manifests,
        directory=file.parent,
        sha256=_sha256(files),
        trace=trace,
        warnings=tuple(manifest_documents[w.document].error(w.path, w.value, w.allowed) for w in warnings),
    )


def _sha256(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def read_trace(path: Path) -> tuple[tuple[str, float], ...]:
    """Rows of a CSV file with the columns `minute,requests`; ScenarioError with the line that is wrong."""
    rows: list[tuple[str, float]] = []
    reader = csv.reader(read_text(path).splitlines())
    header = [name.strip() for name in next(reader, [])]
    if header != ["minute", "requests"]:
        raise ScenarioError(f"{path}:1: header: {','.join(header) or 'missing'}: minute,requests")
    for row in reader:
        where = f"{path}:{reader.line_num}"
        if len(row) != 2:
            raise ScenarioError(f"{where}: row: {','.join(row)}: two columns, minute,requests")
        try:
            count = float(row[1])
        except ValueError:
            count = math.nan
        if not (math.isfinite(count) and count >= 0):
            raise ScenarioError(f"{where}: requests: {row[1]}: a number of requests, not negative")
        rows.append((row[0].strip(), count))
        if len(rows) > _MOST_TRACE_ROWS:
            raise ScenarioError(f"{where}: file: too long: at most {_MOST_TRACE_ROWS} rows")
    if not any(count for _, count in rows):
        raise ScenarioError(f"{path}:1: requests: none: at least one row with requests")
    return tuple(rows)


_ALLOWED = {
    "missing": "this field is required",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "too_short": "at least {min_length} of them",
    "string_too_short": "a text that is not empty",
    "string_too_long": "at most {max_length} characters",
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "value_error": "{error}",
    "which_key": "one of {allowed}",
}
_PATTERNS = {"name": "lower-case letters, digits and dashes", "path": "a path that begins with /"}


def _line(document: Document, detail: ErrorDetails) -> str:
    """One validation error as one line. Names of union members, which no file contains, are left out of the path."""
    path: FieldPath = ()
    for part in detail["loc"]:
        if (*path, part) in document.lines or (detail["type"] == "missing" and part == detail["loc"][-1]):
            path = (*path, part)
    context = detail.get("ctx", {})
    value = detail["input"]
    kind = detail["type"]
    if kind == "unknown_key":
        return document.error((*path, context["key"]), context["key"], f"no such key{context['hint']}")
    if kind == "missing":
        value = None
    if kind == "literal_error":
        known = [word.strip(" '") for word in str(context["expected"]).replace(" or ", ",").split(",")]
        return document.error(path, value, f"one of {', '.join(known)}{near_miss(str(value), known)}")
    if kind == "string_pattern_mismatch":
        return document.error(path, value, _PATTERNS.get(str(path[-1]), detail["msg"]))
    allowed = _ALLOWED[kind].format(**context) if kind in _ALLOWED else detail["msg"]
    return document.error(path, value, allowed)

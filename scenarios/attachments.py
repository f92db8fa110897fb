"""Files beside scenario.yaml that requests need: bodies, parameters, a certificate authority."""

from __future__ import annotations

import csv
import io
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scenarios.errors import ScenarioError
from scenarios.files import beside, read_text
from scenarios.mistakes import Mistakes
from scenarios.schema import Scenario
from scenarios.yaml_marks import FieldPath, shown

_MOST_BODY_BYTES = 16 << 20
_MOST_ROWS = 1_000_000


@dataclass(frozen=True)
class Table:
    """Parameters: a row for each key of the schedule, a value for each column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Attachments:
    """`files` are all that were read, each once; bodies and tables by the name that scenario.yaml has for them."""

    files: tuple[Path, ...] = ()
    bodies: Mapping[str, bytes] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)


def read_attachments(scenario: Scenario, directory: Path, mistakes: Mistakes) -> Attachments:
    """All of a scenario's; files that are not there or no good are mistakes. ScenarioError for a line of a CSV file."""
    files: dict[str, Path] = {}
    bodies: dict[str, bytes] = {}
    tables: dict[str, Table] = {}

    def found(at: FieldPath, name: str) -> Path | None:
        path = beside(directory, name)
        if path is None:
            mistakes.scenario(at, name, "a file that exists in the directory of scenario.yaml")
        else:
            files[name] = path
        return path

    for index, request in enumerate(scenario.traffic.requests):
        at: FieldPath = ("traffic", "requests", index)
        if request.body_file is not None and (path := found((*at, "body_file"), request.body_file)) is not None:
            if path.stat().st_size > _MOST_BODY_BYTES:
                allowed = f"a file of at most {_MOST_BODY_BYTES >> 20} MiB"
                mistakes.scenario((*at, "body_file"), request.body_file, allowed)
            else:
                bodies[request.body_file] = path.read_bytes()
        if request.data is not None and request.data.file not in tables:
            path = found((*at, "data", "file"), request.data.file)
            if path is not None:
                tables[request.data.file] = read_table(path)
    tls = scenario.traffic.tls
    if tls is not None and tls.ca is not None and (path := found(("traffic", "tls", "ca"), tls.ca)) is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
        except (ssl.SSLError, OSError):
            mistakes.scenario(("traffic", "tls", "ca"), tls.ca, "certificates in PEM")
    return Attachments(tuple(files.values()), bodies, tables)


def read_table(path: Path) -> Table:
    """A CSV file with the names of its columns in the first line; ScenarioError with the line that is wrong."""
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    rows: list[tuple[str, ...]] = []
    try:
        columns = tuple(name.strip() for name in next(reader, []))
        if not columns or len(set(columns)) < len(columns) or not all(name.isidentifier() for name in columns):
            allowed = "names of columns, each once, of letters, digits and _"
            raise ScenarioError(f"{path}:1: header: {shown(','.join(columns) or None)}: {allowed}")
        for row in reader:
            where = f"{path}:{reader.line_num}"
            if not row:
                continue
            if len(row) != len(columns):
                raise ScenarioError(
                    f"{where}: row: {shown(','.join(row))}: {len(columns)} columns, {','.join(columns)}"
                )
            rows.append(tuple(row))
            if len(rows) > _MOST_ROWS:
                raise ScenarioError(f"{where}: file: too long: at most {_MOST_ROWS} rows")
    except csv.Error as error:
        raise ScenarioError(f"{path}:{reader.line_num}: file: {error}: CSV with commas") from None
    if not rows:
        raise ScenarioError(f"{path}:1: rows: none: at least one row of parameters")
    return Table(columns, tuple(rows))

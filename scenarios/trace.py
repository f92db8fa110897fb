"""A trace: requests counted per interval, from a CSV file."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from scenarios.errors import ScenarioError
from scenarios.files import read_text
from scenarios.yaml_marks import shown

_MOST_ROWS = 1_000_000
_COUNT = re.compile(r"\s*([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?\s*")
_HEADER = ["minute", "requests"]
_HEADERS = (_HEADER, ["time", "requests"])

Rows = tuple[tuple[str, float], ...]


def read_trace(path: Path) -> Rows:
    """(label, requests) of each row; ScenarioError with the line that is wrong. Blank lines are passed over."""
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    rows: dict[str, float] = {}
    try:
        header = [name.strip() for name in next(reader, [])]
        if header not in _HEADERS:
            raise ScenarioError(f"{path}:1: header: {shown(','.join(header) or None)}: {','.join(_HEADER)}")
        for row in reader:
            if not row:
                continue
            where = f"{path}:{reader.line_num}"
            if len(row) != 2:
                raise ScenarioError(f"{where}: row: {shown(','.join(row))}: two columns, {','.join(_HEADER)}")
            label = row[0].strip()
            if not label or label in rows:
                raise ScenarioError(f"{where}: minute: {shown(label)}: a label that no row before it has")
            if not _COUNT.fullmatch(row[1]):
                raise ScenarioError(f"{where}: requests: {shown(row[1])}: a number of requests, not negative")
            rows[label] = float(row[1])
            if len(rows) > _MOST_ROWS:
                raise ScenarioError(f"{where}: file: too long: at most {_MOST_ROWS} rows")
    except csv.Error as error:
        raise ScenarioError(f"{path}:{reader.line_num}: file: {error}: CSV with commas") from None
    if not any(rows.values()):
        raise ScenarioError(f"{path}:1: requests: none: at least one row with requests")
    return tuple(rows.items())

"""A trace: requests counted per interval, from a CSV file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scenarios.errors import ScenarioError
from scenarios.files import read_text
from scenarios.yaml_marks import shown

_MOST_ROWS = 1_000_000
_COUNT = re.compile(r"\s*([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?\s*")
_HEADER = ["minute", "requests"]
_HEADERS = (_HEADER, ["time", "requests"])

Rows = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class CountedTrace:
    """What a CSV file of counts says.

    rows    (label, requests of all kinds) of each interval
    kinds   (m, k) float64, requests of each kind of the mix in each interval; None when the mix's weights decide
    """

    rows: Rows
    kinds: NDArray[np.float64] | None = None


def read_trace(path: Path, mix: Sequence[tuple[str, float]]) -> CountedTrace:
    """Read counts for all requests, or a column for each path; ScenarioError with the line that is wrong.

    `mix` has path and weight of each kind: kinds of the same path share its column by weight. Blank lines are passed over.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    rows: dict[str, list[float]] = {}
    try:
        header = [name.strip() for name in next(reader, [])]
        counted = _counted(path, header, [of for of, _ in mix])
        for row in reader:
            if not row:
                continue
            where = f"{path}:{reader.line_num}"
            if len(row) != len(header):
                raise ScenarioError(f"{where}: row: {shown(','.join(row))}: {len(header)} columns, {','.join(header)}")
            label = row[0].strip()
            if not label or label in rows:
                raise ScenarioError(f"{where}: {header[0]}: {shown(label)}: a label that no row before it has")
            for name, count in zip(header[1:], row[1:], strict=True):
                if not _COUNT.fullmatch(count):
                    raise ScenarioError(f"{where}: {name}: {shown(count)}: a number of requests, not negative")
            rows[label] = [float(count) for count in row[1:]]
            if len(rows) > _MOST_ROWS:
                raise ScenarioError(f"{where}: file: too long: at most {_MOST_ROWS} rows")
    except csv.Error as error:
        raise ScenarioError(f"{path}:{reader.line_num}: file: {error}: CSV with commas") from None
    if not any(any(counts) for counts in rows.values()):
        raise ScenarioError(f"{path}:1: requests: none: at least one row with requests")
    totals = tuple((label, sum(counts)) for label, counts in rows.items())
    if not counted:
        return CountedTrace(totals)
    shares = np.array([[weight * (of == name) for of, weight in mix] for name in counted])
    shares /= shares.sum(axis=1, keepdims=True)
    return CountedTrace(totals, np.array(list(rows.values())) @ shares)


def _counted(path: Path, header: list[str], mix: Sequence[str]) -> Sequence[str]:
    """The path that each column counts; none when one column counts all."""
    if header in _HEADERS:
        return ()
    names = header[1:]
    if header[:1] not in (["minute"], ["time"]) or not names or len(set(names)) < len(names) or set(names) - set(mix):
        allowed = f"{','.join(_HEADER)}, or time and paths of the mix: {', '.join(dict.fromkeys(mix))}"
        raise ScenarioError(f"{path}:1: header: {shown(','.join(header) or None)}: {allowed}")
    return names

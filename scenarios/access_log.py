"""An access log, read for the moments and paths of its requests so that they can be replayed one by one."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scenarios.errors import ScenarioError
from scenarios.files import read_text
from scenarios.placeholders import PLACEHOLDER
from scenarios.rate import Floats
from scenarios.schema import Request
from scenarios.yaml_marks import shown

_MOST_BYTES = 2 << 30
# host ident user [time] "METHOD path HTTP/1.1" ..., or "-" or bytes where that was no request. Source: Apache's and nginx' common and combined log formats.
_COMMON = re.compile(r'^\S+ \S+ \S+ \[([^\]]+)\] "(?:([A-Z]+) ([^\s"]+)[^"]*"|(?:[^"\\]|\\.)*")')
_NO_REQUEST = "(no request)"  # begins with no slash, so that no path is like it
_COMMON_TIME = "%d/%b/%Y:%H:%M:%S %z"
_COLUMNS = (["time"], ["time", "path"], ["time", "path", "method"])
_ALLOWED = "lines of the common or combined log format, or CSV with the columns time[,path[,method]]"


@dataclass(frozen=True)
class AccessLog:
    """n requests in order of time.

    time_s      (n,) float64, ascending, seconds from the first request
    request     (n,) int32, which kind of the request mix
    whole_seconds   all times are whole seconds, so that where in its second a request came is not known
    left_out    how many lines asked for no path of the mix, and the first of them as `path (line 7)`
    """

    time_s: Floats
    request: NDArray[np.int32]
    whole_seconds: bool
    left_out: tuple[int, str]


def read_access_log(path: Path, mix: Sequence[Request]) -> AccessLog:
    """ScenarioError with the line that cannot be read, or when no line asks for a path of the mix."""
    text = read_text(path, _MOST_BYTES)
    header = [name.strip() for name in text[: text.find("\n")].split(",")] if text else []
    entries = _of_csv(path, text, header) if header in _COLUMNS else _of_lines(path, text)
    kinds = _Kinds(mix)
    times: list[float] = []
    found: list[int] = []
    left_out, example = 0, ""
    for line, moment_s, wanted, method in entries:
        kind = kinds.find(wanted, method)
        if kind is None:
            example = example or f"{wanted} (line {line})"
            left_out += 1
        else:
            times.append(moment_s)
            found.append(kind)
    if not times:
        what = f"{left_out} lines, such as {example}" if left_out else "nothing"
        raise ScenarioError(
            f"{path}:1: file: {what}: requests for paths of the mix: {', '.join(r.path for r in mix[:4])}"
        )
    moments = np.array(times, dtype=np.float64)
    order = np.argsort(moments, kind="stable")  # a log is written when requests end
    moments = moments[order]
    whole = bool((moments == np.floor(moments)).all())
    kind_of = np.array(found, dtype=np.int32)[order]
    return AccessLog(moments - moments[0], kind_of, whole, (left_out, example))


class _Kinds:
    """Finds the request of the mix that a logged path and method mean."""

    def __init__(self, mix: Sequence[Request]) -> None:
        self._known: dict[tuple[str, str], int | None] = {}
        self._only = 0 if len(mix) == 1 else None
        self._templates = [
            (re.compile("[^/?&]*".join(re.escape(part) for part in PLACEHOLDER.split(r.path)[::2])), r.method, number)
            for number, r in enumerate(mix)
        ]

    def find(self, path: str, method: str) -> int | None:
        """Its number; a line without a path is of the only kind there is."""
        if not path:
            return self._only
        if (path, method) not in self._known:
            self._known[path, method] = self._matched(path, method)
        return self._known[path, method]

    def _matched(self, path: str, method: str) -> int | None:
        bare = path.partition("?")[0]
        for target in (path, bare):
            for template, of_method, number in self._templates:
                if method in ("", of_method) and template.fullmatch(target):
                    return number
        return None


def _of_lines(path: Path, text: str) -> Iterator[tuple[int, float, str, str]]:
    seconds: dict[str, float] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = _COMMON.match(line)
        if match is None:
            raise ScenarioError(f"{path}:{number}: line: {shown(line[:80])}: {_ALLOWED}")
        when, method, wanted = match[1], match[2] or "", match[3] or _NO_REQUEST
        if when not in seconds:
            try:
                seconds[when] = datetime.strptime(when, _COMMON_TIME).astimezone(UTC).timestamp()
            except ValueError:
                raise ScenarioError(
                    f"{path}:{number}: time: {shown(when)}: such as 10/Oct/2026:13:55:36 +0000"
                ) from None
        yield number, seconds[when], wanted, method


def _of_csv(path: Path, text: str, header: list[str]) -> Iterator[tuple[int, float, str, str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    next(reader)
    try:
        for row in reader:
            if not row:
                continue
            number, words = reader.line_num, [word.strip() for word in row]
            if len(words) != len(header):
                what = shown(",".join(row)[:80])
                raise ScenarioError(f"{path}:{number}: row: {what}: {len(header)} columns, {','.join(header)}")
            when, wanted, method = (*words, "", "")[:3]
            yield number, _moment_s(path, number, when), wanted, method
    except csv.Error as error:
        raise ScenarioError(f"{path}:{reader.line_num}: file: {error}: CSV with commas") from None


def _moment_s(path: Path, number: int, when: str) -> float:
    """Seconds since 1970, or since whatever the log counts from."""
    try:
        seconds = float(when)
    except ValueError:
        try:
            moment = datetime.fromisoformat(when)
        except ValueError:
            raise ScenarioError(
                f"{path}:{number}: time: {shown(when)}: seconds, or ISO 8601 such as 2026-07-07T21:41:03.250"
            ) from None
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not np.isfinite(seconds):
        raise ScenarioError(f"{path}:{number}: time: {shown(when)}: a finite number of seconds")
    return seconds

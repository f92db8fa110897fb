"""Quantities as people write them, as pydantic types: inside, seconds, bytes, requests a second, milli-cores."""

from __future__ import annotations

import math
import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

_NUMBER = r"(\d+(?:\.\d+)?|\.\d+)"
_DURATION = re.compile(_NUMBER + r"\s*(us|ms|s|m|h)")
_DURATIONS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(_NUMBER + r"\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)?")
_SIZES = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_RATE = re.compile(_NUMBER + r"\s*(rps|/s|/m|/min)?")
_RATES = {"rps": 1.0, "/s": 1.0, "/m": 1 / 60, "/min": 1 / 60}
_RATIO = re.compile(_NUMBER + r"\s*(%)?")
_CPU = re.compile(_NUMBER + r"(m)?")


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not math.isfinite(value):
        raise ValueError("a finite number")
    return float(value)


def parse_duration(value: object) -> float:
    """Seconds from `90s`, `1m30s`, `40ms`; a bare number is refused unless it is 0, since its unit is a guess."""
    allowed = "a duration with its unit, such as 90s, 40ms, 2m or 1m30s"
    if _number(value) == 0:
        return 0.0
    if not isinstance(value, str):
        raise ValueError(allowed)  # noqa: TRY004 - pydantic reports ValueError as a field's mistake
    text = value.strip()
    parts = list(_DURATION.finditer(text))
    if not parts or "".join(p.group(0) for p in parts) != text:
        raise ValueError(allowed)
    return sum(float(p.group(1)) * _DURATIONS[p.group(2)] for p in parts)


def parse_size(value: object) -> int:
    """Bytes from `12KiB`, `3 MB`, or a bare number of bytes."""
    number = _number(value)
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if number is None and match is not None:
        number = float(match.group(1)) * _SIZES[match.group(2) or "B"]
    if number is None or number < 0:
        raise ValueError("a size such as 512B, 12KiB or 3MB, not negative")
    return round(number)


def parse_rate(value: object) -> float:
    """Requests a second from `240`, `240rps` or `600/min`."""
    number = _number(value)
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if number is None and match is not None:
        number = float(match.group(1)) * _RATES[match.group(2) or "rps"]
    if number is None or number < 0:
        raise ValueError("requests a second such as 240, 240rps or 600/min, not negative")
    return number


def parse_ratio(value: object) -> float:
    """A share of one from `99.5%` or `0.995`."""
    number = _number(value)
    match = _RATIO.fullmatch(value.strip()) if isinstance(value, str) else None
    if number is None and match is not None:
        number = float(match.group(1)) / (100.0 if match.group(2) else 1.0)
    if number is None or not 0 <= number <= 1:
        raise ValueError("a share between 0 and 1, or 0% and 100%")
    return number


def parse_cpu(value: object) -> float:
    """Cores from Kubernetes' `250m` or `1.5`."""
    number = _number(value)
    match = _CPU.fullmatch(value.strip()) if isinstance(value, str) else None
    if number is None and match is not None:
        number = float(match.group(1)) / (1000.0 if match.group(2) else 1.0)
    if number is None or number < 0:
        raise ValueError("cores such as 250m or 1.5, not negative")
    return number


def _schema(example: str, pattern: str) -> WithJsonSchema:
    return WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": pattern}, {"type": "number"}], "examples": [example]}
    )


Duration = Annotated[float, BeforeValidator(parse_duration), _schema("90s", r"^\s*(\d*\.?\d+\s*(us|ms|s|m|h))+\s*$")]
Size = Annotated[int, BeforeValidator(parse_size), _schema("12KiB", r"^\s*\d*\.?\d+\s*([kKMG]?i?B)?\s*$")]
Rate = Annotated[float, BeforeValidator(parse_rate), _schema("240rps", r"^\s*\d*\.?\d+\s*(rps|/s|/m|/min)?\s*$")]
Ratio = Annotated[float, BeforeValidator(parse_ratio), _schema("99.5%", r"^\s*\d*\.?\d+\s*%?\s*$")]
Cores = Annotated[float, BeforeValidator(parse_cpu), _schema("250m", r"^\s*\d*\.?\d+m?\s*$")]

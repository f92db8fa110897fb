"""Quantities as people write them, as pydantic types: inside, seconds, bytes, requests a second, shares of one."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

_NUMBER = r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
_DURATION = re.compile(_NUMBER + r"\s*(us|ms|s|m|h)")
_DURATIONS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(_NUMBER + r"\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)?")
_SIZES = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_RATE = re.compile(_NUMBER + r"\s*(rps|/s|/m|/min)?")
_RATES = {"rps": 1.0, "/s": 1.0, "/m": 1 / 60, "/min": 1 / 60}
_RATIO = re.compile(_NUMBER + r"\s*(%)?")
_RATIOS = {"%": 0.01}


def _amount(value: object, pattern: re.Pattern[str], factors: Mapping[str, float]) -> float:
    """A bare number, or a number and its unit; not a number when it is neither."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = pattern.fullmatch(value.strip()) if isinstance(value, str) else None
    return float(match[1]) * (factors[match[2]] if match[2] else 1.0) if match else math.nan


def parse_duration(value: object) -> float:
    """Seconds from `90s`, `1m30s`, `40ms`; a bare number is refused unless it is 0, since its unit is a guess."""
    if value == 0 and not isinstance(value, bool):
        return 0.0
    text = value.strip() if isinstance(value, str) else ""
    parts = list(_DURATION.finditer(text))
    seconds = sum(float(part[1]) * _DURATIONS[part[2]] for part in parts)
    if not parts or "".join(part[0] for part in parts) != text or not math.isfinite(seconds):
        raise ValueError("a duration with its unit, such as 90s, 40ms, 2m or 1m30s")
    return seconds


def parse_size(value: object) -> int:
    """Bytes from `12KiB`, `3 MB`, or a bare number of bytes."""
    number = _amount(value, _SIZE, _SIZES)
    if not 0 <= number <= 2**40:
        raise ValueError("a size such as 512B, 12KiB or 3MB, not negative")
    return round(number)


def parse_rate(value: object) -> float:
    """Requests a second from `240`, `240rps` or `600/min`."""
    number = _amount(value, _RATE, _RATES)
    if not 0 <= number < math.inf:
        raise ValueError("requests a second such as 240, 240rps or 600/min, not negative")
    return number


def parse_ratio(value: object) -> float:
    """A share of one from `99.5%` or `0.995`."""
    number = _amount(value, _RATIO, _RATIOS)
    if not 0 <= number <= 1:
        raise ValueError("a share between 0 and 1, or 0% and 100%")
    return round(number, 12)


def _schema(title: str, pattern: str, *examples: str, number: Mapping[str, object] | None) -> WithJsonSchema:
    """How the published JSON Schema knows a quantity: by its title."""
    text = {"type": "string", "pattern": pattern, "examples": list(examples)}
    return WithJsonSchema({"title": title, "anyOf": [text, dict(number)] if number else [text]})


_SOME = r"^\s*([0-9]+(\.[0-9]+)?|\.[0-9]+)\s*"
_SPAN = r"^\s*(([0-9]+(\.[0-9]+)?|\.[0-9]+)\s*(us|ms|s|m|h))+\s*$"
_NOT_NEGATIVE = {"type": "number", "minimum": 0}

Duration = Annotated[
    float, BeforeValidator(parse_duration), _schema("Duration", _SPAN, "90s", "1m30s", "40ms", number={"const": 0})
]
Positive = Annotated[Duration, Field(gt=0), _schema("Duration above 0", _SPAN, "90s", "1m30s", "40ms", number=None)]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    _schema("Size", _SOME + r"([kKMG]?B|[KMG]iB)?\s*$", "12KiB", "3MB", number=_NOT_NEGATIVE),
]
Rate = Annotated[
    float,
    BeforeValidator(parse_rate),
    _schema("Rate", _SOME + r"(rps|/s|/m|/min)?\s*$", "240rps", "600/min", number=_NOT_NEGATIVE),
]
Ratio = Annotated[
    float,
    BeforeValidator(parse_ratio),
    _schema("Share", _SOME + r"%?\s*$", "99.5%", number={"type": "number", "minimum": 0, "maximum": 1}),
]
# Numbers that are written as numbers: no text, no `true`, nothing infinite.
Whole = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]

"""Numbers as people read them: three digits, the unit that fits, a dash for what does not exist."""

from __future__ import annotations

import math

from matchday.compare.comparison import Unit

NOTHING = "–"
MINUS = "−"


def _digits(value: float) -> str:
    """Three significant digits, no exponent; all digits of a number of a hundred or more."""
    size = abs(value)
    if size >= 99.95:
        return f"{value:,.0f}"
    if size >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}"


def seconds(value: float | None) -> str:
    """`412 ms`, `1.92 s`, `104 s`."""
    if value is None:
        return NOTHING
    if abs(value) >= 0.9995:
        return f"{_digits(value)} s"
    if abs(value) >= 0.00995 or value == 0:
        return f"{value * 1000:.0f} ms"
    return f"{value * 1000:.1f} ms"


def rate(value: float | None) -> str:
    """`240 rps`, `4.2 rps`."""
    if value is None:
        return NOTHING
    return f"{value:,.0f} rps" if abs(value) >= 9.95 or value == 0 else f"{value:.1f} rps"


def percent(ratio: float | None) -> str:
    """`91.2 %`; close to 0 or 100 with a second decimal, and never rounded onto them."""
    if ratio is None:
        return NOTHING
    if ratio in {0.0, 1.0}:
        return f"{ratio:.0%}".replace("%", " %")
    if 0 < ratio < 0.00005:
        return "under 0.01 %"
    if 0.99995 <= ratio < 1:
        return "over 99.99 %"
    close = 0 < ratio < 0.01 or 0.99 <= ratio < 1
    return f"{100 * ratio:.2f} %" if close else f"{100 * ratio:.1f} %"


def bound_percent(ratio: float | None) -> str:
    """`12 %`: the whole percentage that the ratio stays within."""
    return NOTHING if ratio is None else f"{math.ceil(round(100 * ratio, 6))} %"


def points(ratio: float | None) -> str:
    """A difference of two ratios: `1.2 points`."""
    return NOTHING if ratio is None else f"{100 * ratio:.1f} points"


def pods(value: float | None) -> str:
    """`4`, or `4.5` for a median between two counts."""
    return NOTHING if value is None else f"{value:g}"


def signed(value: float, text: str) -> str:
    """`text` of a magnitude with the sign of `value` before it."""
    return text if value == 0 else f"{'+' if value > 0 else MINUS}{text}"


def signed_percent(ratio: float | None) -> str:
    """`+8 %`, `−12 %`."""
    if ratio is None:
        return NOTHING
    rounded = round(100 * ratio)
    return signed(rounded, f"{abs(rounded)} %")


def figure(value: float | None, unit: Unit) -> str:
    """A figure in its own unit."""
    return {"s": seconds, "rps": rate, "ratio": percent, "pods": pods}[unit](value)


def interval(low: float | None, high: float | None, unit: Unit) -> str:
    """`1.71-2.24 s` with an en dash; one value when both ends read the same, nothing when there is no interval."""
    if low is None or high is None:
        return ""
    first, last = figure(low, unit), figure(high, unit)
    if first == last:
        return first
    number, _, name = first.rpartition(" ")
    shared = number and not number.startswith(("under", "over")) and last.endswith(f" {name}")
    return f"{number if shared else first}–{last}"


def join(parts: list[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)

"""Axes with ticks a reader can take at their word: linear from zero, logarithmic, and time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

_FEW = 7  # more labels than this crowd an axis on a phone
_TIME_STEPS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`; `ticks` carry labels, `faint` are the lines between them that show how the scale runs."""

    low: float
    high: float
    ticks: tuple[float, ...]
    faint: tuple[float, ...] = ()
    log: bool = False

    def share(self, value: float) -> float:
        """Where `value` lies between the ends, 0 to 1; values beyond an end lie on it."""
        if self.log:
            part = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, part))


def linear(values: Iterable[float], *, whole: bool = False) -> Axis:
    """From 0 to the next round number above all `values`; `whole` has ticks at whole numbers only."""
    top = max([*values, 1.0 if whole else 1e-9])
    step = _step(top, 5)
    step = max(1.0, round(step)) if whole else step
    count = math.ceil(top / step - 1e-9)
    return Axis(0.0, count * step, tuple(round(i * step, 10) for i in range(count + 1)))


def logarithmic(values: Iterable[float]) -> Axis:
    """Around all positive `values`, its ends at 1, 2 or 5 times a power of ten; 0.1 to 1 when there are none."""
    positive = [value for value in values if value > 0] or [0.1, 1.0]
    steps = _one_two_five(min(positive), max(positive))
    low, high = steps[0], steps[-1]
    ticks = steps if len(steps) <= _FEW + 2 else [low, *(s for s in steps[1:-1] if _is_power_of_ten(s)), high]
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    between = (_times(digit, power) for power in powers for digit in range(1, 10))
    faint = tuple(value for value in between if low < value < high and value not in ticks)
    return Axis(low, high, tuple(ticks), faint, log=True)


def time(end_s: float) -> Axis:
    """From 0 to `end_s` exactly, ticks at round times."""
    step = next((s for s in _TIME_STEPS_S if end_s / s <= _FEW - 1), 86400.0 * math.ceil(end_s / 86400 / _FEW))
    return Axis(0.0, end_s, tuple(float(i * step) for i in range(int(end_s / step + 1e-9) + 1)))


def time_text(time_s: float, end_s: float) -> str:
    """`40 s`, `5 min`, `2 h`: in the unit that suits an axis that ends at `end_s`."""
    if time_s == 0:
        return "0"
    size, unit = (3600, "h") if end_s > 6 * 3600 else (60, "min") if end_s > 360 else (1, "s")
    return f"{time_s / size:g} {unit}"


def _step(top: float, parts: int) -> float:
    rough = top / parts
    power = math.floor(math.log10(rough))
    return next(s for s in (_times(d, power) for d in (1, 2, 5, 10)) if s >= rough * 0.999)


def _one_two_five(low: float, high: float) -> list[float]:
    """The steps from the last one at or below `low` to the first one at or above `high`; two at least."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    steps = [_times(digit, power) for power in powers for digit in (1, 2, 5)]
    first = max(i for i, step in enumerate(steps) if step <= low * 1.0001)
    last = min(i for i, step in enumerate(steps) if step >= high * 0.9999)
    return steps[first : max(last, first + 1) + 1]


def _times(digit: int, power: int) -> float:
    """`digit` times ten to the `power`, the float that is written so."""
    return float(f"{digit}e{power}")


def _is_power_of_ten(value: float) -> bool:
    return abs(math.log10(value) - round(math.log10(value))) < 1e-9

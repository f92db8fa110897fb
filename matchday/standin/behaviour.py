"""What a request costs a stand-in pod, drawn from the scenario's workload. Standard library only, to start fast."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Work:
    """One kind of request: how its time is drawn, CPU seconds in it, bytes of its answer."""

    time: Mapping[str, Any]
    cpu_s: float
    body: bytes

    def draw_s(self, chance: random.Random) -> float:
        """Seconds the request takes when nothing contends, its CPU included."""
        return max(self.cpu_s, draw_s(self.time, chance))


def draw_s(time: Mapping[str, Any], chance: random.Random) -> float:
    """A service time: `{constant: s}`, `{exponential: {mean}}` or `{lognormal: {mean, cv}}`."""
    if "constant" in time:
        return float(time["constant"])
    if "exponential" in time:
        return chance.expovariate(1.0 / time["exponential"]["mean"])
    return lognormal_s(time["lognormal"]["mean"], time["lognormal"]["cv"], chance)


def lognormal_s(mean_s: float, cv: float, chance: random.Random) -> float:
    """A lognormal draw by its mean and coefficient of variation; the mean itself when cv is 0."""
    variance = math.log1p(cv * cv)
    return chance.lognormvariate(math.log(mean_s) - variance / 2, math.sqrt(variance))


_NAME = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}")


class Paths:
    """Finds the work of a path; a name in braces, such as `{key}`, stands for one path element or query value."""

    def __init__(self, workload: Mapping[str, Any]) -> None:
        self._exact: dict[str, Work] = {}
        self._patterns: list[tuple[re.Pattern[str], Work]] = []
        for path, behaviour in workload["paths"].items():
            work = Work(behaviour["time"], behaviour["cpu"], b"m" * behaviour["bytes"])
            if _NAME.search(path):
                fixed = (re.escape(part) for part in _NAME.split(path))
                self._patterns.append((re.compile(r"[^/?&]*".join(fixed)), work))
            else:
                self._exact[path] = work

    def find(self, target: str) -> Work | None:
        """The work of a request target, its query string ignored where no pattern names one."""
        path = target.split("?", 1)[0]
        work = self._exact.get(target) or self._exact.get(path)
        if work is not None:
            return work
        return next(
            (work for pattern, work in self._patterns if pattern.fullmatch(target) or pattern.fullmatch(path)), None
        )

"""When each request is meant to be sent, computed once: the model and the generator consume the same schedule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PhaseSpan:
    """A phase on the schedule's clock, seconds from its first moment; [start_s, end_s)."""

    name: str
    start_s: float
    end_s: float
    surge: bool


@dataclass(frozen=True)
class Schedule:
    """n intended requests in order of time.

    intended_s  (n,) float64, ascending, seconds from the schedule's first moment
    request     (n,) int32, index into `traffic.requests`
    key         (n,) int64, what fills `{key}` of the path
    client      (n,) int32, which of the `traffic.clients` source addresses sends it
    """

    intended_s: NDArray[np.float64]
    request: NDArray[np.int32]
    key: NDArray[np.int64]
    client: NDArray[np.int32]
    phases: tuple[PhaseSpan, ...]
    duration_s: float

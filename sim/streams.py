"""Random streams, one per cause, so that a change of one thing does not change the weather of another.

A stream is named by (seed, replication, cause, part): the same name always gives the same numbers, whatever
else is drawn. Draws belong to things (a request's attempt, the k-th pod of a Deployment), not to the order
in which the simulation comes to them. A new cause goes to the end of `CAUSES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Cause = Literal[
    "arrivals", "bootstrap", "service", "outside", "picks", "backoff", "start-up", "rotation", "decision",
    "proxy", "users", "checks", "provision",
]  # fmt: skip
CAUSES: tuple[Cause, ...] = get_args(Cause)

Quantile = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""An inverse distribution function: uniform numbers of [0, 1) in, quantiles out."""


class Streams:
    """All randomness of one replication."""

    def __init__(self, seed: int, replication: int) -> None:
        self.seed, self.replication = seed, replication

    def generator(self, cause: Cause, part: int = 0) -> np.random.Generator:
        """The generator of a cause; `part` tells attempts, Deployments and the like apart."""
        key = (self.replication, CAUSES.index(cause), part)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def key(self, cause: Cause) -> np.uint64:
        """The key under which `sim.dataplane.draws` finds the numbers of a cause."""
        sequence = np.random.SeedSequence(self.seed, spawn_key=(self.replication, CAUSES.index(cause)))
        return np.uint64(sequence.generate_state(1, np.uint64)[0])

    def schedule_seed(self) -> int:
        """Seed of this replication's own arrivals."""
        key = (self.replication, CAUSES.index("arrivals"))
        return int(np.random.SeedSequence(self.seed, spawn_key=key).generate_state(1)[0])


class Sequence:
    """Endless draws from one distribution; the k-th is the same however many are taken at a time."""

    _BLOCK = 64

    def __init__(self, generator: np.random.Generator, quantile: Quantile) -> None:
        self._generator, self._quantile = generator, quantile
        self._drawn: list[float] = []

    def __getitem__(self, index: int) -> float:
        while index >= len(self._drawn):
            self._drawn += self._quantile(self._generator.random(self._BLOCK)).tolist()
        return self._drawn[index]

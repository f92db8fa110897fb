"""What chance has in store for every request of a replication, whatever the cluster makes of it."""

from __future__ import annotations

import numpy as np

from scenarios.traffic import Schedule
from sim.streams import Cause, PerAttempt, Streams
from sim.workload import Behaviour

_MOST_DRAWS = 256


class Weather:
    """Draws that belong to (attempt, request).

    service_s  how long the pod takes when nothing contends; never less than the request's CPU
    outside_s  latency the client sees that holds no slot
    backoff    uniform factor of the wait before the next attempt, 0.5 to 1.5
    """

    def __init__(self, streams: Streams, schedule: Schedule, behaviour: Behaviour) -> None:
        self._streams, self._schedule, self._behaviour = streams, schedule, behaviour
        self.cpu_s = [request.cpu_s for request in behaviour.requests]
        self.service_s = PerAttempt(self._draw_service)
        self.outside_s = PerAttempt(lambda k: behaviour.outside(self._uniform("outside", k)).tolist())
        self.backoff = PerAttempt(lambda k: (0.5 + self._uniform("backoff", k)).tolist())
        self._picks: dict[int, list[int]] = {}

    def draws(self, attempt: int, request: int, count: int) -> list[int]:
        """The 32-bit numbers that random(N) draws for this attempt, `count` being N."""
        return [self._pick_column(attempt * _MOST_DRAWS + draw)[request] for draw in range(count)]

    def _pick_column(self, part: int) -> list[int]:
        if part not in self._picks:
            generator = self._streams.generator("picks", part)
            self._picks[part] = generator.integers(0, 2**32, size=self._schedule.intended_s.size).tolist()
        return self._picks[part]

    def _uniform(self, cause: Cause, attempt: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return self._streams.generator(cause, attempt).random(self._schedule.intended_s.size)

    def _draw_service(self, attempt: int) -> list[float]:
        u = self._uniform("service", attempt)
        drawn = np.empty(u.size)
        for kind, request in enumerate(self._behaviour.requests):
            mask = self._schedule.request == kind
            drawn[mask] = np.maximum(request.service(u[mask]), request.cpu_s)
        return list(drawn.tolist())

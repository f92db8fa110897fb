"""What chance has in store for every attempt of a replication, whatever the cluster makes of it.

A request is known by a number (`who`): its place in the schedule, or for a user's request and for a call what
`draws.child` makes of those before it. The kernel finds the same numbers under the same names.
"""

from __future__ import annotations

import numpy as np

from sim.dataplane import draws
from sim.dataplane.facts import MOST_DRAWS
from sim.kinds import Kind
from sim.streams import Cause, Streams
from sim.workload import Behaviour, Distribution


class Weather:
    """Draws that belong to (request, attempt number)."""

    def __init__(self, streams: Streams, behaviour: Behaviour) -> None:
        self._keys = {
            cause: streams.key(cause) for cause in ("service", "outside", "picks", "backoff", "proxy", "users")
        }
        self._outside = behaviour.outside

    def service_s(self, kind: Kind, who: int, number: int) -> float:
        """How long the pod takes when nothing contends; never less than the request's CPU."""
        return max(kind.behaviour.service.at(self._uniform("service", number, who)), kind.behaviour.cpu_s)

    def outside_s(self, who: int, number: int) -> float:
        """Latency the client sees that holds no slot."""
        return self._outside.at(self._uniform("outside", number, who))

    def backoff(self, who: int, number: int) -> float:
        """Factor of the wait before the next attempt, 0.5 to 1.5."""
        return 0.5 + self._uniform("backoff", number, who)

    def draws(self, who: int, number: int, count: int) -> list[int]:
        """The 32-bit numbers that random(N) draws for this attempt, `count` being N."""
        return [draws.bits_32(self._part("picks", number * MOST_DRAWS + n), who) for n in range(count)]

    def proxy_of_client(self, client: int, proxies: int) -> int:
        """The proxy that a client's kept connection leads to."""
        return int(self._uniform("proxy", 0, client) * proxies)

    def proxy_of_attempt(self, who: int, number: int, proxies: int) -> int:
        """The proxy that a new connection leads to."""
        return int(self._uniform("proxy", number + 1, who) * proxies)

    def think_s(self, think: Distribution, who: int) -> float:
        """How long a user thinks before sending this request."""
        return think.at(self._uniform("users", 0, who))

    def of_user(self, part: int, who: int) -> float:
        """A uniform number for a user's request: 1 its kind, 2 its key; and for the user: 3 the client."""
        return self._uniform("users", part, who)

    def _uniform(self, cause: Cause, part: int, who: int) -> float:
        return draws.uniform(self._part(cause, part), who)

    def _part(self, cause: Cause, part: int) -> np.uint64:
        return np.uint64(draws.part_key(self._keys[cause], part))

"""Clients in SimPy: they send at the intended times, give up, and try again."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import simpy

from scenarios.schema import Request
from scenarios.traffic import Schedule
from sim.backend import Attempt, Fate
from sim.clock import Clock
from sim.proxy import Destination, Proxy
from sim.trace import Trace
from sim.weather import Weather


class Clients:
    """All requests of a schedule; `finished` happens when each has its fate."""

    def __init__(
        self,
        env: Clock,
        proxy: Proxy,
        mix: Sequence[Request],
        schedule: Schedule,
        weather: Weather,
        trace: Trace,
    ) -> None:
        self.env, self.proxy, self.mix, self.weather, self.trace = env, proxy, mix, weather, trace
        self.finished = env.event()
        self._intended_s = schedule.intended_s.tolist()
        self._kind = schedule.request.tolist()
        self._key = schedule.key.tolist()
        self._client = schedule.client.tolist()
        self._open = len(self._intended_s)

    def arrivals(self) -> Generator[simpy.Event, None, None]:
        """Send each request at its intended time, come what may of those before."""
        env = self.env
        for i, intended_s in enumerate(self._intended_s):
            if intended_s > env.now:
                yield env.timeout(intended_s - env.now)
            env.process(self._request(i))
        if not self._open:
            self.finished.succeed()

    def _request(self, i: int) -> Generator[simpy.Event, object, None]:
        """One request: attempt after attempt until one succeeds or the client has had enough."""
        env, request = self.env, self.mix[self._kind[i]]
        path = request.path.replace("{key}", str(self._key[i]))
        destination = self.proxy.destination(request.host, path, self._client[i])
        for number in range(request.retries + 1):
            outside_s = self.weather.outside_s.row(number)[i]
            attempt = self._attempt(i, number, outside_s, destination)
            yield attempt.done
            assert attempt.fate is not None
            if number == request.retries or not self.proxy.is_worth_a_retry(destination, attempt.fate):
                self._record(i, attempt.fate, env.now + outside_s)
                return
            backoff_s = request.backoff * 2**number * self.weather.backoff.row(number)[i]
            yield env.timeout(outside_s + backoff_s)

    def _attempt(self, i: int, number: int, outside_s: float, destination: Destination | None) -> Attempt:
        """Send, and give up so early that nothing outside of the slot makes the answer late."""
        env, kind = self.env, self._kind[i]
        patience_s = max(0.0, self.mix[kind].timeout - outside_s)
        attempt = Attempt(
            env.event(),
            service_s=self.weather.service_s.row(number)[i],
            cpu_s=self.weather.cpu_s[kind],
            deadline_s=env.now + patience_s,
        )
        if destination is not None:
            attempt.key = destination.key
            if destination.draws:
                attempt.draws = self.weather.draws(number, i, destination.draws)
        self.proxy.submit(destination, self._client[i], attempt)
        if attempt.fate is None:
            env.after(patience_s, lambda: attempt.end("client_timeout"))
        return attempt

    def _record(self, i: int, fate: Fate, end_s: float) -> None:
        self.trace.fate[i] = fate
        self.trace.end_s[i] = end_s
        self._open -= 1
        if not self._open:
            self.finished.succeed()

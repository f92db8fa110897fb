"""Clients in SimPy: they send at the intended times, give up, and try again; users think in between; pods call pods."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np
import simpy

from scenarios.schema import Scenario
from scenarios.traffic import Schedule
from sim.backend import Attempt, Fate
from sim.clock import ARRIVAL, DATA, Clock
from sim.dataplane.draws import child
from sim.dataplane.facts import USERS
from sim.destinations import Destination, repeats
from sim.kinds import Kind
from sim.proxy import Proxies
from sim.trace import Record, Trace
from sim.weather import Weather
from sim.workload import service_time

Process = Generator[simpy.Event, object, None]


@dataclass(frozen=True)
class Sent:
    """A request as it was meant: `who` names its draws, `caller` is the attempt of the pod that calls, if one does."""

    who: int
    kind: int
    key: int
    client: int
    intended_s: float
    caller: Attempt | None = None


Over = Callable[[Sent, Attempt, int, float], None]
"""Told that a request is over: its last attempt, how many there were, and when the client knew."""


class Clients:
    """All requests of a schedule and of its users; `finished` happens when each has its fate and time is over."""

    def __init__(
        self,
        env: Clock,
        proxies: Proxies,
        scenario: Scenario,
        kinds: Sequence[Kind],
        schedule: Schedule,
        weather: Weather,
        trace: Trace,
    ) -> None:
        self.env, self.proxies, self.kinds, self.weather, self.trace = env, proxies, kinds, weather, trace
        self.finished = env.event()
        self._traffic, self._cancels = scenario.traffic, scenario.workload.cancels
        self._schedule = schedule
        self._intended_s = schedule.intended_s.tolist()
        self._open = len(self._intended_s)
        weights = np.array([request.weight for request in scenario.traffic.requests])
        self._shares = np.cumsum(weights) / weights.sum()

    def start(self) -> None:
        """From now on everything is sent in its time."""
        self._send_from(0)
        users = self._traffic.users
        for user in range(users.count if users is not None else 0):
            self._open += 1
            self.env.process(self._user(user))
        if not self._open:
            self.finished.succeed()

    def _send_from(self, i: int) -> None:
        """Send each request at its intended time, come what may of those before."""
        if i == len(self._intended_s):
            return

        def send() -> None:
            schedule = self._schedule
            sent = Sent(i, int(schedule.request[i]), int(schedule.key[i]), int(schedule.client[i]), self.env.now)
            self.env.process(self._request(sent))
            self._send_from(i + 1)

        self.env.at(self._intended_s[i], send, ARRIVAL)

    def _request(self, sent: Sent) -> Process:
        yield from self._attempts(sent, self._record)
        self._close()

    def _user(self, user: int) -> Process:
        """Thinks, sends, waits for the fate, thinks again, until time is over."""
        users, weather, env = self._traffic.users, self.weather, self.env
        assert users is not None
        think = service_time(users.think)
        client = int(weather.of_user(3, USERS + user) * self._traffic.clients)
        turn = 0
        while True:
            who = child(USERS + user, turn, 0)
            send_s = env.now + weather.think_s(think, who)
            if send_s >= self._schedule.duration_s:
                break
            yield env.until(send_s, DATA)
            kind = min(int(np.searchsorted(self._shares, weather.of_user(1, who), side="right")), self._shares.size - 1)
            key = int(weather.of_user(2, who) * self._traffic.requests[kind].keys)
            yield from self._attempts(Sent(who, kind, key, client, send_s), self._record)
            turn += 1
        self._close()

    def _attempts(self, sent: Sent, over: Over) -> Process:
        """One request: attempt after attempt until one succeeds or the client has had enough, or is gone itself."""
        env, kind = self.env, self.kinds[sent.kind]
        goal = self._goal(sent)
        settings = None if goal is None else self.proxies.config.backend(goal.backend).settings
        for number in range(kind.retries + 1):
            outside_s = 0.0 if kind.is_call else self.weather.outside_s(sent.who, number)
            attempt = self._send(sent, number, outside_s, goal)
            yield attempt.done
            assert attempt.fate is not None
            gone = sent.caller is not None and sent.caller.pod is None
            if number == kind.retries or gone or not repeats(settings, attempt.fate):
                over(sent, attempt, number + 1, env.now + outside_s)
                return
            backoff_s = kind.backoff_s * 2**number * self.weather.backoff(sent.who, number)
            yield env.until(env.now + (outside_s + backoff_s), DATA)

    def _send(self, sent: Sent, number: int, outside_s: float, goal: Destination | None) -> Attempt:
        """One attempt. Its client gives up so early that nothing outside of the slot makes the answer late."""
        env, kind = self.env, self.kinds[sent.kind]
        attempt = Attempt(
            env.event(),
            service_s=self.weather.service_s(kind, sent.who, number),
            cpu_s=kind.behaviour.cpu_s,
            deadline_s=env.now + max(0.0, kind.timeout_s - outside_s),
            cancels=self._cancels,
        )
        if goal is not None:
            attempt.key = goal.key
            attempt.draws = self.weather.draws(sent.who, number, goal.draws)
        if kind.calls:
            attempt.make_calls = lambda answer: self._make_calls(sent, number, attempt, answer)
        client = None if kind.is_call else sent.client

        def arrive() -> None:
            if attempt.fate is None:
                self.proxies.submit(goal, self._proxy(sent, number), client, attempt)

        connect_s = 0.0 if self._traffic.keep_alive or kind.is_call else self._traffic.connect
        if connect_s > 0.0:
            env.after(connect_s, arrive)
        else:
            arrive()
        if attempt.fate is None:
            env.at(attempt.deadline_s, lambda: attempt.end("client_timeout"), DATA)
        return attempt

    def _make_calls(self, sent: Sent, number: int, caller: Attempt, answer: Callable[[bool], None]) -> None:
        """Send what the receiver of this attempt asks of others, and tell it whether all went well."""
        kind = self.kinds[sent.kind]
        calls = [
            Sent(child(sent.who, number, edge), edge, sent.key, sent.client, self.env.now, caller)
            for edge in kind.calls
        ]
        if not kind.parallel:
            self.env.process(self._in_turn(calls, answer))
            return
        fates: list[Fate | None] = []

        def over(_sent: Sent, attempt: Attempt, _attempts: int, _end_s: float) -> None:
            fates.append(attempt.fate)
            if len(fates) == len(calls):
                answer(all(fate == "ok" for fate in fates))

        for call in calls:
            self.env.process(self._attempts(call, over))

    def _in_turn(self, calls: Sequence[Sent], answer: Callable[[bool], None]) -> Process:
        """One call after the other, until one fails or the caller is gone."""
        fates: list[Fate | None] = []
        for call in calls:
            yield from self._attempts(call, lambda _sent, attempt, _attempts, _end_s: fates.append(attempt.fate))
            if fates[-1] != "ok" or call.caller is None or call.caller.pod is None:
                break
        answer(fates == ["ok"] * len(calls))

    def _goal(self, sent: Sent) -> Destination | None:
        proxies = self.proxies
        if sent.caller is not None:
            address = proxies.address_of_pod(sent.caller.last_pod)
        else:
            address = proxies.address_of_client(sent.client)
        return proxies.destination(self.kinds[sent.kind], sent.key, address)

    def _proxy(self, sent: Sent, number: int) -> int:
        proxies = self.proxies.proxies
        if proxies == 1:
            return 0
        if self._traffic.keep_alive and sent.caller is None:
            return self.weather.proxy_of_client(sent.client, proxies)
        return self.weather.proxy_of_attempt(sent.who, number, proxies)

    def _record(self, sent: Sent, attempt: Attempt, attempts: int, end_s: float) -> None:
        assert attempt.fate is not None
        record = Record(sent.who, sent.kind, sent.intended_s, end_s, attempt.fate, attempts, attempt.last_pod)
        self.trace.records.append(record)

    def _close(self) -> None:
        self._open -= 1
        if not self._open:
            self.finished.succeed()

"""Who runs the users of a person's own locustfile: this process alone, or workers among which Locust spreads them."""

from __future__ import annotations

import json
import platform
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gevent
import locust
from locust import LoadTestShape
from locust.env import Environment
from locust.runners import Runner

from loadgen.crew import Crew, Member, Took
from loadgen.locustfile_crowd import STOPPED_GRACE_S, Crowd, plan_of, prepare, tell_init
from loadgen.order import Order
from loadgen.team import Team
from loadgen.users import Plan, Told, users_path
from loadgen.worker import listen

_TICK_S, _BEAT_S = 1.0, 0.25
_SOON_S = 0.3
_MOST_NAMED = 50


class Shape(LoadTestShape):
    """Tells Locust's runner how many users a plan has now; never ends by itself. `epoch` is the plan's first moment."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Locust's
        self._plan, self.epoch = plan, time.monotonic()

    def tick(self) -> tuple[int, float]:
        """Users, and a rate at which all that are missing come at once."""
        return self._plan.users_at(time.monotonic() - self.epoch), float(max(1, self._plan.most))

    def follow(self, runner: Runner, epoch: float) -> None:
        """Have a runner follow from `epoch` (monotonic) on. Locust's own follower asks once a second, and is late for phases."""
        self.epoch = epoch
        runner.shape_greenlet = runner.greenlet.spawn(self._lead, runner)

    def _lead(self, runner: Runner) -> None:
        gevent.sleep(max(0.0, self.epoch - time.monotonic()))
        last = None
        while True:
            if (wanted := self.tick()) != last:
                runner.start(*wanted)
                last = wanted
            t_s = time.monotonic() - self.epoch
            edge_s = self._plan.next_edge_s(t_s)
            gevent.sleep(_BEAT_S if edge_s is None else min(_BEAT_S, edge_s - t_s))


class Teller:
    """Keeps what is told, and its file up to date."""

    def __init__(self, records: Path, plan: Plan, notes: tuple[str, ...]) -> None:
        self._path, self._plan, self._last_s = users_path(records), plan, -_TICK_S
        self.told, self._cut_off = Told(notes=notes), Counter[str]()

    def hear(self, what: str, data: Mapping[str, Any], node: str = "") -> None:
        """One message of a crowd's."""
        told = self.told
        if what == "named":
            told.names[data["number"]] = data["name"]
        elif what == "raised":
            sentence = data["sentence"]
            known = sentence in told.raised or len(told.raised) < _MOST_NAMED
            sentence = sentence if known else "further tasks raised something"
            told.raised[sentence] = told.raised.get(sentence, 0) + 1
        elif what == "cut_off":
            self._cut_off[node] = data["users"]

    def look(self, t_s: float, running: int) -> None:
        """Remember how many users run, once a second."""
        if t_s - self._last_s >= _TICK_S and 0 <= t_s < self._plan.duration_s:
            self._last_s = t_s
            self.told.users.append((round(t_s, 3), self._plan.users_at(t_s), running))
            self.write()

    def write(self) -> None:
        """Whole or not at all."""
        self.told.cut_off = self._cut_off.total()
        partial = self._path.with_name(f".{self._path.name}.partial")
        partial.write_text(json.dumps(asdict(self.told), indent=1), encoding="utf-8")
        partial.replace(self._path)


class UsersAlone:
    """A crew: this process runs all users."""

    def __init__(self, order: Order, records: Path) -> None:
        self.environment = Environment(events=locust.events)
        self._order, plan = order, plan_of(order)
        self._teller = Teller(records, plan, prepare(order, self.environment))
        self._shape = self.environment.shape_class = Shape(plan)
        self._runner = self.environment.create_local_runner()
        tell_init(self.environment)
        self._me = Member(0, 1, platform.node(), 0)
        self.members = [self._me]
        self._crowd: Crowd | None = None

    def start(self, epoch: float | None) -> float:
        """Begin."""
        self._epoch = time.monotonic() + _SOON_S if epoch is None else epoch
        self._crowd = Crowd(self._order, self._runner, self._epoch, self._teller.hear)
        self._me.counts = self._crowd.counts
        self._began_cpu_s, self._began_s = time.process_time(), time.monotonic()
        self._shape.follow(self._runner, self._epoch)
        return self._epoch

    def collect(self, took: Took) -> None:
        """Rows."""
        me, crowd = self._me, self._crowd
        assert crowd is not None
        me.cpu_s, me.wall_s = time.process_time() - self._began_cpu_s, time.monotonic() - self._began_s
        me.complete, me.ended = crowd.complete, crowd.ended.is_set()
        took(crowd.recorder.take(), crowd.take_lags())
        self._teller.look(time.monotonic() - self._epoch, self._runner.user_count)

    def ended(self) -> bool:
        """Whether all users are gone."""
        return self._me.ended

    def stop(self) -> None:
        """At once, but for tasks that end soon."""
        assert self._crowd is not None
        self.environment.stop_timeout = STOPPED_GRACE_S
        self._crowd.stopping.set()

    def quit(self) -> None:
        """End Locust's runner."""
        self.environment.stop_timeout = 0.0
        self._runner.quit()
        self._teller.write()


class UsersTeam(Team):
    """A crew: workers run the users."""

    @classmethod
    def of_users(cls, order: Order, records: Path, host: str, port: int, size: int) -> UsersTeam:
        """So many workers, that come to host:port."""
        environment = Environment(events=locust.events)
        plan = plan_of(order)
        teller = Teller(records, plan, prepare(order, environment))
        shape = environment.shape_class = Shape(plan)
        runner = environment.create_master_runner(host, port)
        tell_init(environment)
        team = cls(runner, order, size)
        team.follow(teller, plan, shape)
        return team

    def follow(self, teller: Teller, plan: Plan, shape: Shape) -> None:
        """Hear what the workers' crowds tell, and know how many users there are to be."""
        self._teller, self._plan, self._shape = teller, plan, shape
        listen(self._runner, "named", lambda said, node: teller.hear("named", said, node))
        listen(self._runner, "raised", lambda said, node: teller.hear("raised", said, node))
        listen(self._runner, "cut_off", lambda said, node: teller.hear("cut_off", said, node))

    def set_out(self) -> None:
        """Have Locust's master follow the shape; workers end by themselves when the plan is over."""
        self._shape.follow(self._runner, self._epoch)
        gevent.spawn_later(self._epoch + self._plan.duration_s - time.monotonic(), self._rest)

    def _rest(self) -> None:
        """Spawn nobody any more."""
        if self._runner.shape_greenlet is not None:
            self._runner.shape_greenlet.kill()

    def collect(self, took: Took) -> None:
        """Rows, and who is gone."""
        super().collect(took)
        self._teller.look(time.monotonic() - self._epoch, self._runner.user_count)

    def stop(self) -> None:
        """Have all stop."""
        self._rest()
        super().stop()

    def quit(self) -> None:
        """Let the workers go."""
        super().quit()
        self._teller.write()


def users_crew(order: Order, records: Path, *, processes: int, expected: int, bind: tuple[str, int]) -> Crew:
    """Who runs an order's users: this process, so many of its children, or so many workers that come to `bind`."""
    if expected:
        return UsersTeam.of_users(order, records, *bind, expected)
    if processes:
        team = UsersTeam.of_users(order, records, "127.0.0.1", 0, processes)
        team.bring(processes)
        return team
    return UsersAlone(order, records)

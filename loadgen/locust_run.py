"""A locustfile for Locust's own command line, which then sends a scenario's schedule instead of its users.

    locust -f loadgen/locust_run.py --headless -H http://127.0.0.1:8080 --scenario scenarios/quick --out runs/mine
    locust -f loadgen/locust_run.py ... --processes 2
    locust -f loadgen/locust_run.py --master --expect-workers 2 ...    and    locust -f loadgen/locust_run.py --worker

Locust's options for users and time are not used; its statistics, logs and reports are.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gevent
from gevent.event import Event
from locust import events
from locust.env import Environment
from locust.runners import MasterRunner, Runner, WorkerRunner

from loadgen.conduct import Conducted, conduct
from loadgen.crew import Alone, Crew
from loadgen.errors import LoadError
from loadgen.openloop import ScheduleUser
from loadgen.order import Order
from loadgen.seatbelt import allowed
from loadgen.team import Team
from loadgen.worker import Worker
from scenarios.errors import ScenarioError
from scenarios.load import load_scenario
from scenarios.traffic import build_schedule

_BAD_INPUT, _FAILED = 2, 3

# Locust takes the user classes that it finds here.
Sending = ScheduleUser.waiting()


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]  # Locust's
def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scenario", metavar="DIR", default="", help="the scenario whose schedule is sent")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the schedule")
    parser.add_argument("--out", metavar="DIR", default=".", help="where records and stats are written")
    parser.add_argument("--i-own-this-host", action="store_true", help="load a --host that is not loopback")


@events.init.add_listener  # type: ignore[untyped-decorator]  # Locust's
def _join(environment: Environment, runner: Runner, **_rest: Any) -> None:
    """Workers announce themselves as soon as they are there, and the master listens to them."""
    if isinstance(runner, WorkerRunner):
        gevent.spawn(Worker(runner, Sending).announce)
    elif runner is not None:
        options = environment.parsed_options
        assert options is not None
        try:
            order = _order(options)
        except (LoadError, ScenarioError) as error:
            print(f"matchday: {error}", flush=True)
            sys.exit(_BAD_INPUT)
        crew = _crew(order, environment, runner, options)
        conducting = functools.partial(_conduct, environment, order, crew, Path(options.out))
        environment.events.test_start.add_listener(  # type: ignore[no-untyped-call]  # Locust's
            lambda **_: gevent.spawn(conducting)
        )


def _conduct(environment: Environment, order: Order, crew: Crew, out: Path) -> None:
    """By now Locust has all the workers that it waits for."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        how = Conducted(out / "load.records", out / "load-stats.json", None, None, None, _say)
        stats = conduct(crew, len(order.schedule.intended_s), order.schedule.phases, how, Event())
        environment.process_exit_code = 0 if stats["complete"] else 1
    except (LoadError, OSError) as error:
        print(f"matchday: {error}", flush=True)
        environment.process_exit_code = _FAILED
    if environment.runner is not None:
        environment.runner.quit()


def _order(options: argparse.Namespace) -> Order:
    if not options.scenario:
        raise LoadError("--scenario: missing: a scenario's directory")
    url = urlsplit(options.host or "")
    if url.scheme != "http" or url.hostname is None:
        raise LoadError(f"--host: {options.host or 'missing'}: http://HOST:PORT")
    loaded = load_scenario(Path(options.scenario))
    schedule, port = build_schedule(loaded, options.seed), url.port or 80
    allowed(f"{url.hostname}:{port}", owned=options.i_own_this_host, max_rps=None, schedule=schedule)
    return Order(loaded, schedule, url.hostname, port, options.seed)


def _crew(order: Order, environment: Environment, runner: Runner, options: argparse.Namespace) -> Crew:
    if isinstance(runner, MasterRunner):
        return Team(runner, order, max(1, options.expect_workers))
    return Alone(order, environment, Sending)


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)

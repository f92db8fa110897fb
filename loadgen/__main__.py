"""`python -m loadgen run …`: sends one schedule, open loop. `python -m loadgen worker --master HOST:PORT`: helps with it."""

from gevent import monkey

monkey.patch_all()

import argparse
import ctypes
import gc
import json
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event

from loadgen.abort import Abort
from loadgen.address import host_and_port
from loadgen.conduct import Conducted, conduct
from loadgen.crew import Alone, Crew
from loadgen.errors import LoadError
from loadgen.locustfile_crowd import has_users
from loadgen.locustfile_users import users_crew
from loadgen.openloop import MOST_OUTSTANDING
from loadgen.order import Order
from loadgen.seatbelt import allowed
from loadgen.team import Team
from loadgen.worker import work
from scenarios.errors import ScenarioError
from scenarios.load import load_scenario
from scenarios.traffic import PhaseSpan, load_schedule

_PR_SET_PDEATHSIG = 1  # Source: prctl(2)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 also when told to stop early; 2 for arguments that cannot be used."""
    _as_a_generator()
    try:
        arguments = _parser().parse_args(argv)
        if arguments.verb == "worker":
            work(*host_and_port("--master", arguments.master))
            return 0
        return _run(arguments)
    except (LoadError, ScenarioError) as error:
        print(error, file=sys.stderr)
        return 2


def _as_a_generator() -> None:
    """End with whoever started this, use all descriptors there are, collect no garbage."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # A walk over thousands of outstanding requests makes the dispatch late by 100 ms and more (measured: 170 ms at
    # 8,000), and finds nothing: requests leave no cycles behind.
    gc.disable()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadgen")
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="send a schedule")
    run.add_argument("--scenario", type=Path, required=True)
    run.add_argument("--seed", type=int, required=True)
    run.add_argument("--schedule", type=Path, required=True)
    run.add_argument("--target", required=True, metavar="HOST:PORT")
    run.add_argument("--owned", action="store_true", help="whoever asks may load a --target that is not loopback")
    run.add_argument("--max-rps", type=float, help="refuse a schedule that is ever faster")
    run.add_argument("--epoch", type=float, help="first moment of the schedule, monotonic clock; left out: when ready")
    run.add_argument("--records", type=Path, required=True)
    run.add_argument("--stats", type=Path, required=True)
    run.add_argument("--processes", type=int, default=0, help="send from so many worker processes")
    run.add_argument("--expect-workers", type=int, default=0, help="send from so many workers started elsewhere")
    run.add_argument("--bind", default="127.0.0.1:5557", metavar="HOST:PORT", help="where --expect-workers come to")
    run.add_argument("--abort-on", metavar="SHARE:SECONDS", help="stop when so many fail for so long, such as 20%%:10s")
    run.add_argument("--max-outstanding", type=int, default=MOST_OUTSTANDING, help="of each process; more are not sent")
    run.add_argument("--live", metavar="HOST:PORT", help="show the run in Locust's web UI")
    run.add_argument("--run", type=Path, help="with --live: the run directory whose prediction is shown")
    worker = verbs.add_parser("worker", help="send a share of what a master has")
    worker.add_argument("--master", required=True, metavar="HOST:PORT")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    host, port = host_and_port("--target", arguments.target)
    loaded = load_scenario(arguments.scenario)
    try:
        schedule = load_schedule(arguments.schedule)
    except (OSError, ValueError, KeyError) as error:
        raise LoadError(f"--schedule: {arguments.schedule}: {error}") from None
    allowed(arguments.target, owned=arguments.owned, max_rps=arguments.max_rps, schedule=schedule)
    abort = None if arguments.abort_on is None else Abort.parse(arguments.abort_on)
    order = Order(loaded, schedule, host, port, arguments.seed, arguments.max_outstanding)
    crew = _crew(order, arguments)
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stopping.set)
    how = Conducted(
        records=arguments.records,
        stats=arguments.stats,
        epoch=arguments.epoch,
        abort=abort,
        view=_view(crew, arguments, schedule.phases, stopping.set),
        say=lambda line: print(json.dumps(line), file=sys.__stdout__, flush=True),
        most_outstanding=arguments.max_outstanding,
    )
    try:
        conduct(crew, len(schedule.intended_s), schedule.phases, how, stopping)
    finally:
        crew.quit()
    return 0


def _crew(order: Order, arguments: argparse.Namespace) -> Crew:
    if arguments.processes and arguments.expect_workers:
        raise LoadError("--processes: not together with --expect-workers")
    if has_users(order):
        return users_crew(
            order,
            arguments.records,
            processes=arguments.processes,
            expected=arguments.expect_workers,
            bind=host_and_port("--bind", arguments.bind),
        )
    if arguments.expect_workers:
        return Team.at(*host_and_port("--bind", arguments.bind), order, arguments.expect_workers)
    if arguments.processes:
        return Team.of_processes(order, arguments.processes)
    return Alone(order)


def _view(crew: Crew, arguments: argparse.Namespace, phases: Sequence[PhaseSpan], stop: Callable[[], None]) -> Any:
    if arguments.live is None:
        return None
    from loadgen.live import attach  # noqa: PLC0415 - Flask is for those who look

    host, port = host_and_port("--live", arguments.live)
    return attach(crew.environment, host, port, arguments.run, name=arguments.records.stem, phases=phases, stop=stop)


if __name__ == "__main__":
    sys.exit(main())

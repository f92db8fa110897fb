"""`python -m loadgen run …`: sends one schedule, open loop, as a process of its own."""

from gevent import monkey

monkey.patch_all()

import argparse
import ctypes
import gc
import json
import resource
import signal
import sys
import time
from pathlib import Path

import gevent
from locust.env import Environment

from loadgen.errors import LoadError
from loadgen.http import Clients
from loadgen.openloop import OpenLoopUser, Run
from loadgen.records import Recorder
from scenarios.errors import ScenarioError
from scenarios.load import load_scenario
from scenarios.traffic import load_schedule

_PR_SET_PDEATHSIG = 1  # Source: prctl(2)
_REPORT_EVERY_S = 1.0


def main() -> int:
    """Exit code 0 also when told to stop early; 2 for arguments that cannot be used."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    parser = argparse.ArgumentParser(prog="python -m loadgen")
    parser.add_argument("verb", choices=["run"])
    parser.add_argument("--scenario", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--schedule", type=Path, required=True)
    parser.add_argument("--target", required=True, help="HOST:PORT on 127.0.0.0/8")
    parser.add_argument("--owned", action="store_true", help="whoever asks may load a --target outside of 127.0.0.0/8")
    parser.add_argument("--epoch", type=float, required=True, help="first moment of the schedule, monotonic clock")
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--stats", type=Path, required=True)
    try:
        return _run(parser.parse_args())
    except (LoadError, ScenarioError) as error:
        print(error, file=sys.stderr)
        return 2


def _run(arguments: argparse.Namespace) -> int:
    traffic = load_scenario(arguments.scenario).scenario.traffic
    host, _, port = arguments.target.rpartition(":")
    if not (host.startswith("127.") or arguments.owned) or not port.isdecimal():
        raise LoadError(f"--target: {arguments.target}: HOST:PORT on 127.0.0.0/8")
    clients = Clients(host, int(port), traffic.clients)
    recorder = Recorder(arguments.records)
    run = Run(load_schedule(arguments.schedule), traffic.requests, clients, arguments.epoch, arguments.seed, recorder)
    environment = Environment(
        user_classes=[type("ScheduleUser", (OpenLoopUser,), {"run_of_load": run, "abstract": False})]
    )
    runner = environment.create_local_runner()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, run.stopping.set)
    # A walk over thousands of outstanding requests makes the dispatch late by 100 ms and more (measured: 170 ms at
    # 8,000), and finds nothing: requests leave no cycles behind.
    gc.disable()
    began_cpu_s, began = time.process_time(), time.monotonic()
    runner.start(1, spawn_rate=1)
    reporter = gevent.spawn(_report, run)
    runner.greenlet.join()
    reporter.kill()
    recorder.close()
    print(json.dumps(run.progress.report()), flush=True)
    stats = {
        "planned": len(run.schedule.intended_s),
        "sent": run.progress.sent_count,
        "dispatch_lag_p99_s": run.progress.lag_p99_s,
        "cpu_s": time.process_time() - began_cpu_s,
        "wall_s": time.monotonic() - began,
        "complete": run.complete,
        "dropped": run.dropped,
        "outstanding_max": run.progress.outstanding_max,
    }
    arguments.stats.write_text(json.dumps(stats, indent=1))
    return 0


def _report(run: Run) -> None:
    while True:
        gevent.sleep(_REPORT_EVERY_S)
        run.recorder.flush()
        print(json.dumps(run.progress.report()), flush=True)


if __name__ == "__main__":
    sys.exit(main())

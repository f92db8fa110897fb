"""`python -m matchday.standin`: one stand-in pod, a process of the local target or a container of a cluster.

What an option leaves out comes from the environment: MATCHDAY_WORKLOAD (JSON) or MATCHDAY_WORKLOAD_FILE,
MATCHDAY_PORT, MATCHDAY_LINGER_S.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from matchday.standin.server import Connection, Pod

_PR_SET_PDEATHSIG = 1  # Source: prctl(2)
_STARTTIME = 19  # Source: proc(5), /proc/[pid]/stat field 22, counted from field 3
_FLUSH_EVERY_S = 0.01
# Proxies hear of a pod's end at the same moment as the pod itself: so long a container goes on taking new requests.
_LINGER_S = 3.0
_PLAIN = {
    "paths": {"/": {"time": {"constant": 0.01}, "cpu": 0.0, "bytes": 1024}},
    "startup": {"mean": 0.1, "cv": 0.0},
    "discipline": "workers",
    "workers": 16,
}


def process_start() -> float:
    """When this process was started, on `time.monotonic()`'s clock; good to a clock tick of 10 ms."""
    text = Path("/proc/self/stat").read_text()
    ticks = int(text[text.rindex(")") + 2 :].split()[_STARTTIME])
    since_boot_s = ticks / os.sysconf("SC_CLK_TCK")
    return time.monotonic() - (time.clock_gettime(time.CLOCK_BOOTTIME) - since_boot_s)


def workload_of(file: Path | None) -> Any:
    """The workload of a file, else of the environment, else a plain page; OSError and ValueError when it is broken."""
    named = os.environ.get("MATCHDAY_WORKLOAD_FILE")
    if file is None and "MATCHDAY_WORKLOAD" in os.environ:
        return json.loads(os.environ["MATCHDAY_WORKLOAD"])
    if file is None and named is None:
        return _PLAIN
    return json.loads((file or Path(str(named))).read_text())


async def _serve(arguments: argparse.Namespace) -> int:
    loop = asyncio.get_running_loop()
    try:
        workload = workload_of(arguments.workload)
    except (OSError, ValueError) as error:
        print(f"workload: {error}", file=sys.stderr)
        return 2
    pod = Pod(workload, arguments.seed, process_start())
    try:
        server = await loop.create_server(lambda: Connection(pod), arguments.host, arguments.port, backlog=1024)
    except OSError as error:
        print(f"cannot listen on {arguments.host}:{arguments.port}: {error.strerror}", file=sys.stderr)
        return 3
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    pod.stopping = True
    await asyncio.sleep(arguments.linger_s)
    await pod.idle.wait()
    while not pod.drained:
        await asyncio.sleep(_FLUSH_EVERY_S)
    server.close()
    return 0


def main() -> int:
    """Serve until SIGTERM, then finish what is in flight; outside of a container the parent's death ends it at once."""
    contained = os.getpid() == 1
    if not contained:  # there the parent is the container runtime, whose threads come and go
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    linger_s = float(os.environ.get("MATCHDAY_LINGER_S", _LINGER_S if contained else 0.0))
    parser = argparse.ArgumentParser(prog="python -m matchday.standin")
    parser.add_argument("--host", default="0.0.0.0")  # noqa: S104 - a container is reached from outside
    parser.add_argument("--port", type=int, default=int(os.environ.get("MATCHDAY_PORT", "8080")))
    parser.add_argument("--workload", type=Path, help="a file; the environment's when left out")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--linger-s", type=float, default=linger_s)
    return asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())

"""`python -m matchday.standin --host ADDRESS --port PORT --workload FILE --seed N`: one stand-in pod."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import os
import signal
import sys
import time
from pathlib import Path

from matchday.standin.server import Connection, Pod

_PR_SET_PDEATHSIG = 1  # Source: prctl(2)
_STARTTIME = 19  # Source: proc(5), /proc/[pid]/stat field 22, counted from field 3
_FLUSH_EVERY_S = 0.01


def process_start() -> float:
    """When this process was started, on `time.monotonic()`'s clock; good to a clock tick of 10 ms."""
    text = Path("/proc/self/stat").read_text()
    ticks = int(text[text.rindex(")") + 2 :].split()[_STARTTIME])
    since_boot_s = ticks / os.sysconf("SC_CLK_TCK")
    return time.monotonic() - (time.clock_gettime(time.CLOCK_BOOTTIME) - since_boot_s)


async def _serve(arguments: argparse.Namespace) -> int:
    loop = asyncio.get_running_loop()
    pod = Pod(json.loads(arguments.workload.read_text()), arguments.seed, process_start())
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
    await pod.idle.wait()
    while not pod.drained:
        await asyncio.sleep(_FLUSH_EVERY_S)
    server.close()
    return 0


def main() -> int:
    """Serve until SIGTERM, then finish what is in flight; the parent's death ends it at once."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    parser = argparse.ArgumentParser(prog="python -m matchday.standin")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workload", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    return asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())

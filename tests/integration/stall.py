"""What a server that stops for `STOP_S` in every `PERIOD_S` does to latency, measured in two ways and calculated.

Requests meant for the stop wait for its end: their latency is uniform on 0..STOP_S, and they are STOP_S / PERIOD_S of all. So
the q-quantile of all, for q above 1 - STOP_S / PERIOD_S, is STOP_S - (1 - q) * PERIOD_S.
"""

import math
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.integration.generator import Generator
from tests.integration.static_server import StaticServer

PERIOD_S, STOP_S, RATE = 10.0, 2.0, 500
QUANTILES = (0.90, 0.95, 0.99)
FIRST_STOP_S = 4.0

USERS = 50
# Locust's users that keep their own pace: 50 of them, ten requests a second each.
_LOCUSTFILE = """
from locust import FastHttpUser, constant_throughput, task

class Viewer(FastHttpUser):
    wait_time = constant_throughput(10)

    @task
    def live(self):
        self.client.get("/live")
"""


def analytic_s(q: float) -> float:
    """The q-quantile of latency from the intended time, of an answer that takes no time otherwise."""
    return max(0.0, STOP_S - (1.0 - q) * PERIOD_S)


def open_loop_s(directory: Path, server: StaticServer, periods: int) -> NDArray[np.float64]:
    """(n,) latencies in seconds from the intended time, over whole periods."""
    times_s = np.arange(int(periods * PERIOD_S * RATE)) / RATE
    run = Generator(directory, times_s, f"{server.host}:{server.port}")
    try:
        for period in range(periods):
            server.stop_for(run.epoch + FIRST_STOP_S + period * PERIOD_S, STOP_S)
        rows, _ = run.end(60.0 + periods * PERIOD_S)
    finally:
        run.kill()
    latencies_s: NDArray[np.float64] = rows["done_s"] - rows["intended_s"]
    assert len(latencies_s) == len(times_s)
    return latencies_s


def constant_throughput_ms(directory: Path, server: StaticServer, periods: int) -> dict[float, float]:
    """Locust's own percentiles in milliseconds, from its own users at the same rate against the same server."""
    (directory / "locustfile.py").write_text(_LOCUSTFILE)
    seconds = math.ceil(periods * PERIOD_S) + 2
    words = f"-f locustfile.py --headless -u {USERS} -r {USERS} -t {seconds}s --only-summary --csv out --reset-stats --logfile locust.log"
    program = textwrap.dedent(
        """
        import locust.stats, sys
        locust.stats.PERCENTILES_TO_REPORT = [0.90, 0.95, 0.99]
        from locust.main import main
        main()
        """
    )
    began = subprocess.Popen(
        [sys.executable, "-c", program, *words.split(), "-H", f"http://{server.host}:{server.port}"],
        cwd=directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        # With --reset-stats Locust counts from when all its users are there.
        log = directory / "locust.log"
        while not log.exists() or "All users spawned" not in log.read_text():
            assert began.poll() is None, "Locust has ended before its first request"
            time.sleep(0.01)
        first = time.monotonic()
        for period in range(periods):
            server.stop_for(first + FIRST_STOP_S + period * PERIOD_S, STOP_S)
        began.wait(60.0 + seconds)
    finally:
        began.kill()
        began.wait()
    header, *rows = (line.split(",") for line in (directory / "out_stats.csv").read_text().splitlines())
    total = dict(zip(header, next(row for row in rows if row[1] == "Aggregated"), strict=True))
    return {q: float(total[f"{q * 100:g}%"]) for q in QUANTILES}

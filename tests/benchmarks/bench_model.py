"""`make bench`: how fast the model is, as ratios of figures measured side by side in one run.

Each row says what is wanted and what this machine gave. Nothing fails: a missed row is for a person to read.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import ciw
import numpy as np
from rich.console import Console
from rich.table import Table

from balancer.policy.config import Backend, BackendSettings, Balance, ProxyConfig, Route, Timeouts
from balancer.policy.hpa import HpaSpec, Metric
from balancer.policy.objects import Deployment, Probe
from scenarios.load import load_scenario
from scenarios.schema import Scenario
from scenarios.traffic import Block, PhaseSpan, Schedule
from sim.cluster import Cluster
from sim.engine import Replication
from sim.predict import predict
from sim.reference import simulate
from sim.streams import Streams
from sim.workload import declared

ROOT = Path(__file__).parents[2]
BLOCK = 1 << 18
REPEATS = 3


class Shop:
    """Pods of one worker each and exponential services of mean 1 s, behind one proxy with leastconn."""

    def __init__(self, pods: int, *, busy: bool = False) -> None:
        request = {"timeout": "20s", "retries": 2} if busy else {"timeout": "100000s"}
        self.pods = pods
        self.scenario = Scenario.model_validate(
            {
                "name": "bench",
                "manifests": ["none.yaml"],
                "traffic": {
                    "phases": [{"name": "all", "duration": "1s", "rps": 1}],
                    "requests": [{"host": "h", "path": "/"} | request],
                },
                "workload": {
                    "paths": {"/": {"time": {"exponential": {"mean": "1s"}}, "cpu": "100ms"}},
                    "startup": {"mean": "2s"},
                    "workers": 4 if busy else 1,
                },
                "slo": {"p99": "10s", "success": "99%"},
            }
        )
        settings = BackendSettings(
            balance=Balance("leastconn"),
            pod_maxconn=4 if busy else 0,
            timeouts=Timeouts(queue_s=5.0) if busy else Timeouts(queue_s=1e6, server_s=1e6),
        )
        deployment = Deployment(
            name="live", namespace="default", replicas=pods, selector={}, pod_labels={}, ports={}, first_port=1,
            cpu_request_milli=600, cpu_limit_milli=None, readiness=Probe(period_s=1),
        )  # fmt: skip
        hpa = HpaSpec(pods, 2 * pods, (Metric("Resource", "cpu", utilization_percent=80),))
        self.cluster = Cluster(
            config=ProxyConfig(
                "127.0.0.1", 80, routes=(Route("h", "/", "Prefix", "live"),), backends=(Backend("live", settings),)
            ),
            deployment_of={"live": "live"},
            deployments=(deployment,),
            replicas={"live": pods},
            autoscalers=(("live", hpa),) if busy else (),
            addresses=("127.0.0.1",),
        )

    def blocks(self, n: int, rate_rps: float) -> Iterator[Block]:
        """n Poisson requests, a block at a time."""
        rng, now_s = np.random.default_rng(1), 0.0
        zeros = np.zeros(BLOCK, np.int64)
        for start in range(0, n, BLOCK):
            size = min(BLOCK, n - start)
            times = now_s + np.cumsum(rng.exponential(1 / rate_rps, size))
            now_s = float(times[-1])
            yield Block(times, zeros[:size].astype(np.int32), zeros[:size], zeros[:size].astype(np.int32))

    def compiled_s(self, n: int, rate_rps: float) -> float:
        """Seconds for n requests on the kernel, drawing their arrivals included."""
        end_s = n / rate_rps
        phases = (PhaseSpan("all", 0.0, end_s, surge=True),)
        one = Replication(self.scenario, self.cluster, phases, end_s, declared(self.scenario), Streams(1, 0))
        start_s = time.perf_counter()
        one.run(self.blocks(n, rate_rps))
        return time.perf_counter() - start_s

    def plain_s(self, n: int, rate_rps: float) -> float:
        """Seconds for n requests in plain SimPy."""
        (block,) = self.blocks(n, rate_rps)
        end_s = float(block.intended_s[-1])
        phases = (PhaseSpan("all", 0.0, end_s, surge=True),)
        schedule = Schedule(block.intended_s, block.request, block.key, block.client, phases, end_s)
        start_s = time.perf_counter()
        simulate(self.scenario, self.cluster, schedule, declared(self.scenario), Streams(1, 0))
        return time.perf_counter() - start_s


def ciw_s(n: int, rate_rps: float, servers: int) -> float:
    """Seconds for about n requests in Ciw: as many queues, each customer joins the least loaded."""
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=rate_rps)] + [None] * servers,
        service_distributions=[ciw.dists.Deterministic(value=0.0)]
        + [ciw.dists.Exponential(rate=1.0) for _ in range(servers)],
        number_of_servers=[float("inf")] + [1] * servers,
        routing=ciw.routing.NetworkRouting(
            routers=[ciw.routing.LoadBalancing(destinations=list(range(2, servers + 2)))]
            + [ciw.routing.Leave() for _ in range(servers)]
        ),
    )
    ciw.seed(1)
    simulation = ciw.Simulation(network)
    start_s = time.perf_counter()
    simulation.simulate_until_max_time(n / rate_rps)
    return time.perf_counter() - start_s


def typical(measure: Callable[[], float]) -> float:
    """The median of a few."""
    return median(measure() for _ in range(REPEATS))


class Results:
    """The table: what is wanted, what was measured."""

    def __init__(self) -> None:
        self.table = Table("what", "wanted", "measured", "", box=None, pad_edge=False)

    def add(self, what: str, wanted: str, measured: str, *, met: bool) -> None:
        """One row."""
        self.table.add_row(what, wanted, measured, "met" if met else "missed")


def requests_a_second(results: Results, scale: float) -> None:
    """M/M/8 at 90 % load: kernel, SimPy reference and Ciw side by side; then with everything on."""
    eight, crowd = Shop(8), Shop(200)
    n = int(3_000_000 * scale)
    eight.compiled_s(BLOCK, 7.2)  # loads what is compiled
    kernel = n / typical(lambda: eight.compiled_s(n, 7.2))
    few = int(20_000 * max(scale, 0.1))
    plain = few / typical(lambda: eight.plain_s(few, 7.2))
    other = few / typical(lambda: ciw_s(few, 7.2, 8))
    results.add("M/M/8 leastconn, kernel / SimPy reference", ">= 50", f"{kernel / plain:.0f}", met=kernel >= 50 * plain)
    results.add("M/M/8 leastconn, kernel / Ciw", ">= 80", f"{kernel / other:.0f}", met=kernel >= 80 * other)
    results.add("M/M/8 leastconn, requests/s a core", ">= 3.0 M", f"{kernel / 1e6:.2f} M", met=kernel >= 3e6)
    many = n / typical(lambda: crowd.compiled_s(n, 180.0))
    results.add("cost of a request, 200 pods / 8 pods", "< 2", f"{kernel / many:.2f}", met=kernel < 2 * many)
    busy = Shop(200, busy=True)
    full = n / typical(lambda: busy.compiled_s(n, 720.0))
    results.add(
        "200 pods, maxconn, time-outs, retries, HPA: requests/s", ">= 1.0 M", f"{full / 1e6:.2f} M", met=full >= 1e6
    )


SURGE = """
name: bench
manifests: [app.yaml]
traffic:
  phases:
    - {name: before, duration: 5m, rps: 250}
    - {name: rise, duration: 1m, rps: [250, 5000]}
    - {name: peak, duration: 4m, rps: 5000}
    - {name: fall, duration: 2m, rps: [5000, 250]}
    - {name: after, duration: 8m, rps: 250}
  requests: [{host: tv.example, path: /live, timeout: 5s, retries: 1}]
workload:
  paths: {/live: {time: {lognormal: {mean: 60ms, cv: 0.5}}, cpu: 2ms}}
  startup: {mean: 2500ms, cv: 0.1}
  workers: 16
slo: {p99: 500ms, success: 99%}
"""


def surge(results: Results, scale: float) -> None:
    """A 20-minute 20x surge, 20 replications on all cores."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        text = SURGE if scale >= 1 else SURGE.replace("5000", "500").replace("250", "25")
        (path / "scenario.yaml").write_text(text)
        app = (ROOT / "scenarios" / "quick" / "app.yaml").read_text()
        # a fleet that is prepared in part: 5,000 rps of 60 ms need 75 pods of 4 slots
        (path / "app.yaml").write_text(
            app.replace("maxReplicas: 10", "maxReplicas: 120").replace("minReplicas: 2", "minReplicas: 20")
        )
        loaded = load_scenario(path)
        start_s = time.perf_counter()
        predict(
            loaded, seed=1, replications=20, calibration=None, same_arrivals=False, created_at="2026-01-01T00:00:00Z"
        )
        took_s = time.perf_counter() - start_s
    cores = len(os.sched_getaffinity(0))
    what = f"20-minute 20x surge to 5,000 rps, 20 replications, {cores} cores"
    results.add(what, "< 15 s", f"{took_s:.1f} s", met=took_s < 15)


def cold_start(results: Results) -> None:
    """`matchday predict scenarios/quick` with the compiled kernel at hand, and without."""
    command = [str(Path(sys.executable).parent / "matchday"), "predict", str(ROOT / "scenarios" / "quick")]
    for what, wanted_s, empty in (("with compiled caches", 5.0, False), ("without any cache", 60.0, True)):
        with tempfile.TemporaryDirectory() as home:
            environment = os.environ | ({"XDG_CACHE_HOME": home} if empty else {})
            start_s = time.perf_counter()
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            took_s = time.perf_counter() - start_s
        results.add(
            f"matchday predict scenarios/quick, {what}", f"< {wanted_s:.0f} s", f"{took_s:.1f} s", met=took_s < wanted_s
        )


def memory(results: Results, scale: float) -> None:
    """Peak memory of a process that simulates 100 million requests."""
    n = int(100_000_000 * scale)
    command = [sys.executable, str(Path(__file__)), "--alone", str(n)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    megabytes = int(done.stdout) * 1024 / 1e6
    results.add(f"{n:,} requests, peak memory", "< 600 MB", f"{megabytes:.0f} MB", met=megabytes < 600)


def main(argv: list[str] | None = None) -> int:
    """Measure everything; `--quick` with a hundredth of the requests, to see that it runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the requests, to see that it runs")
    parser.add_argument(
        "--alone", type=int, metavar="N", help="only simulate N requests and print the peak memory, KiB"
    )
    arguments = parser.parse_args(argv)
    if arguments.alone:
        Shop(8).compiled_s(arguments.alone, 7.2)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        return 0
    scale = 0.01 if arguments.quick else 1.0
    results, console = Results(), Console(width=110)
    steps: tuple[Callable[[], None], ...] = (
        lambda: requests_a_second(results, scale),
        lambda: surge(results, scale),
        lambda: cold_start(results),
        lambda: memory(results, scale),
    )
    with console.status("measuring") as status:
        for i, step in enumerate(steps):
            status.update(f"measuring, part {i + 1} of {len(steps)}")
            step()
    console.print(results.table)
    return 0


if __name__ == "__main__":
    sys.exit(main())

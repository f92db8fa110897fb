"""`make bench-load`: the generator beside others of its kind, on one server, in one run; `stall` writes docs/load.md's table.

All are pinned to core 0 and the server, a real HAProxy that answers by itself, to core 1. Nothing fails: a missed row is for a person
to read.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from loadgen.validity import Around, judge
from tests.benchmarks.bench_load_peers import PEERS, missing
from tests.integration.generator import ROOT, Generator
from tests.integration.stall import QUANTILES, analytic_s, constant_throughput_ms, open_loop_s
from tests.integration.static_server import StaticServer

HOST = "127.95.1.9"
RATE, SECONDS = 4_000, 20
WANTED_LAG_S = 0.002
PAGE = ROOT / "docs" / "load.md"
BEGIN, END = "<!-- stall:begin -->", "<!-- stall:end -->"
console = Console()


def ours(
    directory: Path, server: StaticServer, rate: float, seconds: float, *words: str, core: int | None = 0
) -> dict[str, Any]:
    """The stats of an even schedule."""
    times_s = np.arange(int(rate * seconds)) / rate
    run = Generator(directory, times_s, f"{server.host}:{server.port}", *words, core=core)
    try:
        return run.end(60 + seconds)[1]
    finally:
        run.kill()


def clean(stats: dict[str, Any]) -> bool:
    """Whether a run met what is wanted: late by 2 ms at most at its 99th percentile, and all but a thousandth sent."""
    return bool(stats["dispatch_lag_p99_s"] <= WANTED_LAG_S and stats["sent"] >= 0.999 * stats["planned"])


def fastest(try_at: Callable[[float], bool], start: float, step: float) -> float:
    """The highest rate of steps from `start` on that two runs in three meet; 0 when there is none."""
    rate = start
    while sum(try_at(rate) for _ in range(2)) == 2 or try_at(rate):
        rate += step
        if rate > 50_000:
            break
    return rate - step


def load(directory: Path) -> None:
    """One worker, two workers, and the others."""
    absent = {peer.name: missing(peer.name) for peer in track(PEERS, "looking for the others")}
    with StaticServer(directory, HOST, core=1) as server:
        url = f"http://{server.host}:{server.port}/live"
        runs = [ours(directory / "one", server, RATE, SECONDS) for _ in track(range(3), "one worker")]
        stats = sorted(runs, key=lambda run: run["dispatch_lag_p99_s"])[1]
        one = fastest(lambda rate: clean(ours(directory / "one", server, rate, 5)), RATE, 500)
        two = fastest(
            lambda rate: clean(ours(directory / "two", server, rate, 5, "--processes", "2", core=None)), RATE, 500
        )
        here = [peer for peer in PEERS if not absent[peer.name]]
        others = [(p, p.run(url, RATE if p.paced else None, SECONDS, 0, directory)) for p in track(here, "the others")]
        healthy = [ours(directory / "healthy", server, 100, 1) for _ in track(range(20), "healthy runs")]
    valid = sum(judge(run["planned"], run["sent"], run, Around(0, 0, 0.5)).verdict == "valid" for run in healthy)
    table = Table("what", "wanted", "measured", title="the generator, median of three runs")
    cpu_s = stats["cpu_s"] / stats["sent"]
    lags = f"{stats['dispatch_lag_p50_s'] * 1e3:.2f}, {stats['dispatch_lag_p99_s'] * 1e3:.2f} ms"
    table.add_row(f"{RATE} rps from one core: dispatch lag p50, p99", "p99 <= 2 ms", lags)
    unsent = 1 - stats["sent"] / stats["planned"]
    table.add_row("sent against planned", "<= 0.1 % missing", f"{unsent:.3%} missing")
    table.add_row("CPU a request", "-", f"{cpu_s * 1e6:.0f} us")
    table.add_row("highest clean rate, one worker", f">= {RATE}", f"{one:.0f} rps")
    table.add_row(
        "two workers on two cores (the server on one of them) / one worker", ">= 1.7", f"{two / max(one, 1):.2f}"
    )
    table.add_row("healthy runs that are valid", "20 of 20", f"{valid} of {len(healthy)}")
    console.print(table)
    beside = Table(
        "generator",
        "kind",
        "rps",
        "CPU a request",
        "CPU / ours",
        "p50, p99 as it tells",
        title="same server, core and run",
    )
    beside.add_row(
        "matchday", f"paced, {RATE} rps", f"{stats['sent'] / SECONDS:.0f}", f"{cpu_s * 1e6:.0f} us", "1.00", "see above"
    )
    for peer, did in others:
        told = "-" if did.p50_s is None or did.p99_s is None else f"{did.p50_s * 1e3:.2f}, {did.p99_s * 1e3:.2f} ms"
        kind = f"paced, {RATE} rps" if peer.paced else "as fast as it can"
        beside.add_row(peer.name, kind, f"{did.rps:.0f}", f"{did.cpu_s * 1e6:.0f} us", f"{did.cpu_s / cpu_s:.2f}", told)
    for name, why in absent.items():
        if why:
            beside.add_row(name, f"not here: {why}", "-", "-", "-", "-")
    console.print(beside)


def drift(directory: Path, minutes: float) -> None:
    """How lag changes over a long run at 500 rps."""
    times_s = np.arange(int(minutes * 60 * 500)) / 500
    with StaticServer(directory, HOST, core=1) as server:
        run = Generator(directory / "drift", times_s, f"{server.host}:{server.port}", core=0)
        try:
            rows, stats = run.end(minutes * 60 + 60)
        finally:
            run.kill()
    lag_s = rows["send_s"] - rows["intended_s"]
    slope = float(np.polyfit(rows["intended_s"], lag_s, 1)[0])
    parts = [f"{float(np.median(part)) * 1e3:.3f}" for part in np.array_split(lag_s, 5)]
    console.print(
        f"{stats['sent']} of {stats['planned']} sent in {minutes:g} minutes; median lag of each fifth: {', '.join(parts)} ms"
    )
    console.print(f"slope {slope * 1e6:+.3f} us a second: {slope * 1800 * 1e3:+.3f} ms in half an hour")


def stall(directory: Path, *, write: bool) -> None:
    """The stall as we and Locust's constant_throughput see it."""
    with StaticServer(directory, HOST) as server:
        mine = open_loop_s(directory / "stall", server, periods=3)
        theirs = constant_throughput_ms(directory, server, periods=3)
    rows = [
        "| quantile | calculated | open loop, from the intended time | Locust's `constant_throughput` |",
        "|---|---|---|---|",
    ]
    for q in QUANTILES:
        found = float(np.quantile(mine, q, method="inverted_cdf"))
        rows.append(f"| p{q * 100:g} | {analytic_s(q) * 1e3:.0f} ms | {found * 1e3:.0f} ms | {theirs[q]:.0f} ms |")
    text = "\n".join(rows)
    print(text)
    if write:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="bench_load", description=__doc__)
    parser.add_argument("what", nargs="?", default="load", choices=["load", "stall", "drift"])
    parser.add_argument("--markdown", action="store_true", help="with stall: write the table into docs/load.md")
    parser.add_argument("--minutes", type=float, default=30.0, help="with drift")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if arguments.what == "stall":
            stall(Path(name), write=arguments.markdown)
        elif arguments.what == "drift":
            drift(Path(name), arguments.minutes)
        else:
            load(Path(name))


if __name__ == "__main__":
    main()

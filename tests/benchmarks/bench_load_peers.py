"""Other load generators on the same server and the same core: found or installed, run, and their figures read.

wrk and hey are Debian's, vegeta and k6 are Go modules, built once into a cache directory.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "matchday" / "load-generators"
_MODULES = {"vegeta": "github.com/tsenart/vegeta/v12@latest", "k6": "go.k6.io/k6@latest"}
_INSTALL_S = 900
_CONNECTIONS = 50


@dataclass(frozen=True)
class Reached:
    """What a generator did: requests a second, CPU seconds a request, and its own latencies (None: it tells none)."""

    rps: float
    cpu_s: float
    p50_s: float | None = None
    p99_s: float | None = None


@dataclass(frozen=True)
class Peer:
    """A generator; `run(url, rate, seconds, core, directory)` with rate None as fast as it can; `paced`: can keep a rate."""

    name: str
    paced: bool
    run: Callable[[str, int | None, int, int, Path], Reached]


def missing(name: str) -> str:
    """Why a generator cannot be had; empty when it is there, after installing it where that is possible."""
    if _program(name):
        return ""
    command = [shutil.which("apt-get") or "", "install", "-y", "-qq", name]
    if name in _MODULES:
        command = [shutil.which("go") or "", "install", _MODULES[name]]
    if not command[0]:
        return "no go here" if name in _MODULES else "no apt-get here"
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "GOBIN": str(CACHE)},
            capture_output=True,
            text=True,
            timeout=_INSTALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"its installation took more than {_INSTALL_S} s"
    return (
        "" if _program(name) else (done.stderr.strip().splitlines() or ["it is not there after its installation"])[-1]
    )


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{CACHE}:{os.environ['PATH']}")


def _timed(command: Sequence[str], core: int, directory: Path) -> tuple[str, float]:
    """Its standard output, and the CPU seconds of it and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        ["taskset", "-c", str(core), *command],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=180,
        env={**os.environ, "GOMAXPROCS": "1", "PATH": f"{CACHE}:{os.environ['PATH']}"},
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _wrk(url: str, rate: int | None, seconds: int, core: int, directory: Path) -> Reached:
    assert rate is None, "wrk keeps no rate"
    script = 'done = function(s, l, r) io.write("\\n", s.requests, " ", s.duration, " ", l:percentile(50), " ", l:percentile(99)) end'
    (directory / "done.lua").write_text(script)
    told, cpu_s = _timed(["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "-s", "done.lua", url], core, directory)
    requests, lasted_us, p50_us, p99_us = (float(word) for word in told.splitlines()[-1].split())
    return Reached(requests / lasted_us * 1e6, cpu_s / requests, p50_us / 1e6, p99_us / 1e6)


def _hey(url: str, rate: int | None, seconds: int, core: int, directory: Path) -> Reached:
    paced = [] if rate is None else ["-q", str(rate // _CONNECTIONS)]
    told, cpu_s = _timed(
        ["hey", "-z", f"{seconds}s", "-c", str(_CONNECTIONS), "-cpus", "1", "-o", "csv", *paced, url], core, directory
    )
    rows = list(csv.DictReader(told.splitlines()))
    took_s = np.array([float(row["response-time"]) for row in rows])
    p50_s, p99_s = (float(q) for q in np.quantile(took_s, (0.5, 0.99)))
    return Reached(len(rows) / seconds, cpu_s / len(rows), p50_s, p99_s)


def _vegeta(url: str, rate: int | None, seconds: int, core: int, directory: Path) -> Reached:
    paced = "-rate=0" if rate is None else f"-rate={rate}"
    attack = (
        f"echo 'GET {url}' | vegeta attack {paced} -max-workers={_CONNECTIONS * 4} -duration={seconds}s > vegeta.bin"
    )
    _, cpu_s = _timed(["sh", "-c", attack], core, directory)
    told, _ = _timed(["vegeta", "report", "-type=json", "vegeta.bin"], core, directory)
    report = json.loads(told)
    late = report["latencies"]
    return Reached(report["rate"], cpu_s / report["requests"], late["50th"] / 1e9, late["99th"] / 1e9)


def _k6(url: str, rate: int | None, seconds: int, core: int, directory: Path) -> Reached:
    load = (
        f"executor: 'constant-vus', vus: {_CONNECTIONS}, duration: '{seconds}s'"
        if rate is None
        else f"executor: 'constant-arrival-rate', rate: {rate}, timeUnit: '1s', duration: '{seconds}s', preAllocatedVUs: 200"
    )
    (directory / "k6.js").write_text(
        "import http from 'k6/http';\n"
        f"export const options = {{ scenarios: {{ a: {{ {load} }} }}, summaryTrendStats: ['med', 'p(99)'] }};\n"
        f"export default function () {{ http.get('{url}'); }}\n"
    )
    _, cpu_s = _timed(
        ["k6", "run", "--quiet", "--no-usage-report", "--summary-export", "k6.json", "k6.js"], core, directory
    )
    metrics = json.loads((directory / "k6.json").read_text())["metrics"]
    count, took = metrics["http_reqs"]["count"], metrics["http_req_duration"]
    return Reached(metrics["http_reqs"]["rate"], cpu_s / count, took["med"] / 1e3, took["p(99)"] / 1e3)


PEERS = (
    Peer("wrk", paced=False, run=_wrk),
    Peer("hey", paced=True, run=_hey),
    Peer("vegeta", paced=True, run=_vegeta),
    Peer("k6", paced=True, run=_k6),
)

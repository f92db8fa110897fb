import asyncio
import sys
import time
from pathlib import Path

import pytest

from balancer.policy.objects import Probe
from matchday.targets.local.addresses import Addresses, free_port
from matchday.targets.local.pod import Pod, PodTemplate

LATE = """
import sys, time, http.server
time.sleep(0.35)
http.server.HTTPServer((sys.argv[1], int(sys.argv[2])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def template(tmp_path: Path, period_s: float, delay_s: float = 0.0) -> PodTemplate:
    command = (sys.executable, "-c", LATE, "{host}", "{port}")
    return PodTemplate(
        "web",
        command,
        free_port(),
        Probe(path="/", period_s=period_s, initial_delay_s=delay_s),
        1.0,
        0.0,
        tmp_path / "log",
    )


@pytest.mark.parametrize("period_s", [0.1, 0.3])
def test_a_pod_is_found_ready_on_the_grid_of_its_probes(tmp_path: Path, period_s: float) -> None:
    async def live() -> Pod:
        pod = Pod(template(tmp_path, period_s), "web-1", next(Addresses().pods()), 0)
        await pod.start()
        found = asyncio.Event()
        watcher = asyncio.ensure_future(pod.watch_readiness(lambda _pod: found.set()))
        async with asyncio.timeout(10):
            await found.wait()
        watcher.cancel()
        await pod.stop()
        return pod

    pod = asyncio.run(live())
    assert pod.startup_s is not None
    assert pod.startup_s > 0.35
    assert pod.startup_s % period_s == pytest.approx(0, abs=0.06)


def test_a_pod_that_fails_its_probes_leaves_and_returns(tmp_path: Path) -> None:
    async def live() -> list[bool]:
        flag = tmp_path / "index.html"
        flag.write_text("up")
        command = (sys.executable, "-m", "http.server", "--bind", "{host}", "--directory", str(tmp_path), "{port}")
        probe = Probe(path="/index.html", period_s=0.03, failure_threshold=2)
        pod = Pod(
            PodTemplate("web", command, free_port(), probe, 1.0, 0.0, tmp_path / "log"),
            "web-1",
            next(Addresses().pods()),
            0,
        )
        await pod.start()
        changes: list[bool] = []
        watcher = asyncio.ensure_future(pod.watch_readiness(lambda p: changes.append(p.ready_since is not None)))

        async def until(count: int) -> None:
            deadline = time.monotonic() + 10
            while len(changes) < count and time.monotonic() < deadline:
                await asyncio.sleep(0.01)

        await until(1)
        flag.rename(tmp_path / "away.html")
        await until(2)
        (tmp_path / "away.html").rename(flag)
        await until(3)
        watcher.cancel()
        await pod.stop()
        return changes

    assert asyncio.run(live()) == [True, False, True]


def test_kill_is_remembered_as_meant(tmp_path: Path) -> None:
    async def live() -> Pod:
        pod = Pod(template(tmp_path, 1.0), "web-1", next(Addresses().pods()), 0)
        await pod.start()
        pod.kill()
        assert pod.child is not None
        await pod.child.process.wait()
        return pod

    pod = asyncio.run(live())
    assert pod.killed_on_purpose
    assert pod.child is not None
    assert pod.child.death() == "signal SIGKILL"

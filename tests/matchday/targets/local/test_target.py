import asyncio
import http.client
import os
import sys
import time
from pathlib import Path

import pytest

from matchday.display import Display
from matchday.errors import EnvironmentFailedError
from matchday.rundir import RunDirectory
from matchday.targets.local.procfs import cpu_s_by_session
from matchday.targets.local.target import local_target
from scenarios.load import LoadedScenario, load_scenario

QUICK = Path(__file__).parents[4] / "scenarios" / "quick"


@pytest.fixture
def quick(tmp_path: Path) -> LoadedScenario:
    """Quick with pods that start fast."""
    directory = tmp_path / "quick"
    directory.mkdir()
    text = (QUICK / "scenario.yaml").read_text()
    assert "startup: {mean: 2500ms" in text
    (directory / "scenario.yaml").write_text(text.replace("startup: {mean: 2500ms", "startup: {mean: 200ms"))
    (directory / "app.yaml").write_text((QUICK / "app.yaml").read_text())
    return load_scenario(directory)


def get(address: str) -> int:
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    connection.request("GET", "/live", headers={"Host": "tv.example"})
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.integration
def test_a_target_serves_scales_without_reload_and_leaves_no_process(quick: LoadedScenario, tmp_path: Path) -> None:
    sessions: set[int] = set()

    async def play() -> None:
        run = RunDirectory.create(quick, tmp_path / "run")
        async with local_target(quick, run, None, 1, Display(as_json=True)) as target:
            assert await asyncio.to_thread(get, target.address) == 200
            live = target.sets["live"]
            live.scale(4, due=0.0)
            await target.unless_it_fails(target.all_in_rotation())
            sessions.update(pod.child.pid for pod in target.pods() if pod.child is not None)
            sessions.add(target.haproxy.pid)
            assert len(target.haproxy.servers()) == 4
            live.scale(1, due=0.0)
            await target.unless_it_fails(target.all_in_rotation())
            assert await asyncio.to_thread(get, target.address) == 200
            assert target.reloads == 0
            assert [row[3] for row in target.changes][-1] == 1
        run.close()

    asyncio.run(play())
    assert len(sessions) == 5
    deadline = time.monotonic() + 5  # what was killed is gone once its parent, here init, has seen it
    while sessions & set(cpu_s_by_session()) and time.monotonic() < deadline:
        os.sched_yield()
    assert sessions & set(cpu_s_by_session()) == set()


@pytest.mark.integration
def test_a_dead_haproxy_ends_what_is_under_way(quick: LoadedScenario, tmp_path: Path) -> None:
    async def play() -> None:
        run = RunDirectory.create(quick, tmp_path / "run")
        async with local_target(quick, run, None, 1, Display(as_json=True)) as target:
            target.haproxy.stop(grace_s=0.0)
            await target.unless_it_fails(asyncio.sleep(30))

    with pytest.raises(EnvironmentFailedError, match="HAProxy died"):
        asyncio.run(play())


@pytest.mark.integration
def test_a_users_own_server_can_be_the_pod(quick: LoadedScenario, tmp_path: Path) -> None:
    files = tmp_path / "site"
    files.mkdir()
    for name in ("ready", "live"):
        (files / name).write_text("mine")
    scenario = quick.directory / "scenario.yaml"
    command = f'["{sys.executable}", -m, http.server, --bind, "{{host}}", --directory, "{files}", "{{port}}"]'
    scenario.write_text(scenario.read_text().replace("  workers: 8\n", f"  workers: 8\n  command: {command}\n"))
    own = load_scenario(quick.directory)
    assert own.scenario.workload.command is not None

    async def play() -> None:
        run = RunDirectory.create(own, tmp_path / "run")
        async with local_target(own, run, None, 1, Display(as_json=True)) as target:
            assert await asyncio.to_thread(get, target.address) == 200
            pids = [pod.child.pid for pod in target.pods() if pod.child is not None]
            assert all(b"http.server" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids)
        run.close()

    asyncio.run(play())

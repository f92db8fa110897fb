import asyncio
import itertools
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from balancer.policy.objects import Probe
from matchday.errors import EnvironmentFailedError
from matchday.targets.local.addresses import Addresses, free_port
from matchday.targets.local.pod import Pod, PodTemplate
from matchday.targets.local.replicaset import ReplicaSet, deletion_order

SERVER = (sys.executable, "-m", "http.server", "--bind", "{host}", "{port}")


class ProxySide:
    """Records what the proxy would be told; pods named in `busy` have requests in flight."""

    def __init__(self) -> None:
        self.replica_set: ReplicaSet | None = None
        self.busy: set[str] = set()
        self.asked = 0
        self.history: list[tuple[str, ...]] = []

    def update(self) -> None:
        assert self.replica_set is not None
        self.history.append(tuple(e.name for e in self.replica_set.endpoints() if e.serving))

    def note_replicas(self) -> None:
        """Counts are not looked at here."""

    def is_idle(self, pod: str) -> bool:
        self.asked += 1
        return pod not in self.busy


async def until(condition: Callable[[], bool], deadline_s: float = 10.0) -> None:
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(0.01)


def with_pods(
    tmp_path: Path,
    story: Callable[[ReplicaSet, ProxySide], Coroutine[None, None, None]],
    command: tuple[str, ...] = SERVER,
) -> list[str]:
    """Run a story on a fresh replica set and end all its pods; give the events it reported."""
    events: list[str] = []

    async def play() -> None:
        proxy = ProxySide()
        if True:
            template = PodTemplate(
                "web", command, free_port(), Probe(path="/", period_s=0.05), 2.0, 0.0, tmp_path / "log"
            )
            pods = ReplicaSet(
                template,
                Addresses().pods(),
                itertools.count(),
                proxy,
                lambda _kind, text, **_extra: events.append(text),
            )
            proxy.replica_set = pods
            try:
                await story(pods, proxy)
            finally:
                await pods.stop()

    asyncio.run(play())
    return events


def test_scaling_out_puts_every_new_pod_into_rotation_once_it_is_ready(tmp_path: Path) -> None:
    async def story(pods: ReplicaSet, proxy: ProxySide) -> None:
        pods.scale(3, due=time.monotonic())
        await until(lambda: sum(p.in_rotation for p in pods.pods) == 3)
        assert set(proxy.history[-1]) == {"web-1", "web-2", "web-3"}
        assert len(pods.decision_lags_s) == 3
        assert len({p.address for p in pods.pods}) == 3

    with_pods(tmp_path, story)


def test_a_retired_pod_is_drained_first_and_ends_only_when_idle(tmp_path: Path) -> None:
    async def story(pods: ReplicaSet, proxy: ProxySide) -> None:
        pods.scale(2, due=time.monotonic())
        await until(lambda: all(p.in_rotation for p in pods.pods))
        proxy.busy = {"web-1", "web-2"}
        pods.scale(1, due=time.monotonic())
        leaving = next(p for p in pods.pods if p.deleting)
        assert leaving.name not in proxy.history[-1]
        assert leaving.child is not None
        await until(lambda: proxy.asked >= 3)
        assert leaving.child.running
        proxy.busy.clear()
        await until(lambda: leaving.child is not None and not leaving.child.running)
        assert len(pods.pods) == 1

    with_pods(tmp_path, story)


def test_a_pod_killed_from_outside_is_replaced_and_named(tmp_path: Path) -> None:
    async def story(pods: ReplicaSet, proxy: ProxySide) -> None:
        pods.scale(2, due=time.monotonic())
        await until(lambda: all(p.in_rotation for p in pods.pods))
        victim = pods.pods[0]
        assert victim.child is not None
        victim.child.signal(signal.SIGKILL)
        await until(
            lambda: pods.pods[0] is not victim and len(pods.pods) == 2 and all(p.in_rotation for p in pods.pods)
        )
        assert pods.unexpected_deaths == [f"pod {victim.name} died (signal SIGKILL)"]
        assert victim.name not in proxy.history[-1]

    with_pods(tmp_path, story)


def test_a_pod_killed_by_a_disturbance_is_no_surprise(tmp_path: Path) -> None:
    async def story(pods: ReplicaSet, _proxy: ProxySide) -> None:
        pods.scale(2, due=time.monotonic())
        await until(lambda: all(p.in_rotation for p in pods.pods))
        pods.pods[0].kill()
        await until(lambda: {p.name for p in pods.pods if p.in_rotation} == {"web-2", "web-3"})
        assert pods.unexpected_deaths == []

    with_pods(tmp_path, story)


def test_a_command_that_cannot_serve_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    async def story(pods: ReplicaSet, _proxy: ProxySide) -> None:
        pods.scale(1, due=time.monotonic())
        async with asyncio.timeout(10):
            await pods.failure

    with pytest.raises(
        EnvironmentFailedError, match=r"web: 3 pods in a row died before they were ready \(exit code 7\)"
    ):
        with_pods(tmp_path, story, (sys.executable, "-c", "raise SystemExit(7)"))


def test_a_pod_retired_before_its_process_started_leaves_nothing(tmp_path: Path) -> None:
    async def story(pods: ReplicaSet, _proxy: ProxySide) -> None:
        pods.scale(1, due=time.monotonic())
        born = pods.pods[0]
        pods.scale(0, due=time.monotonic())
        await until(lambda: not pods.pods and (born.child is None or not born.child.running))

    with_pods(tmp_path, story)


def test_scale_down_takes_unready_then_youngest_by_log2_age() -> None:
    async def order() -> list[str]:
        template = PodTemplate("web", SERVER, 1, Probe(), 1.0, 0.0, Path("unused"))
        pods = [Pod(template, name, "127.0.0.1", 0) for name in ("old", "teen", "twin", "new", "unready")]
        for pod, ready_since in zip(pods, (0.0, 90.0, 91.0, 99.0, None), strict=True):
            pod.ready_since = ready_since
        return [pod.name for pod in deletion_order(pods, now=100.0)]

    # ages 100, 10, 9, 1 s: 10 and 9 share a bucket, where the later created goes first
    assert asyncio.run(order()) == ["unready", "new", "twin", "teen", "old"]

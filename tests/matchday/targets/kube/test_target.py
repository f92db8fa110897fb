import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from balancer.kube.watch import Listed, Reachable
from matchday.errors import EnvironmentFailedError
from matchday.rundir import RunDirectory
from matchday.targets.kube.target import KubeTarget
from matchday.targets.kube.view import kinds
from scenarios.load import load_scenario
from tests.matchday.targets.kube.api import Answers, Json, endpoint_slice, pod
from tests.matchday.targets.kube.quick import QUICK

KINDS = {kind.name: kind for kind in kinds("n")}
LOADED = load_scenario(QUICK)


def made(tmp_path: Path, api: Any = None) -> KubeTarget:
    server: Any = Answers() if api is None else api
    run = RunDirectory.create(LOADED, tmp_path / "run")
    return KubeTarget(server, "n", "127.0.0.1:1", LOADED, run)


def listed(kind: str, *objects: Json) -> Listed:
    return Listed(KINDS[kind], objects, 0.0)


def test_replica_changes_are_noted_once_each(tmp_path: Path) -> None:
    target = made(tmp_path)
    target.hear(listed("Deployment", {"metadata": {"name": "live"}, "spec": {"replicas": 2}}))
    target.hear(listed("Pod", pod("a", ready=True), pod("b")))
    target.hear(listed("Pod", pod("a", ready=True), pod("b")))
    target.hear(listed("EndpointSlice", endpoint_slice("x", "a")))
    assert [change[1:] for change in target.changes] == [(2, 0, 0), (2, 1, 0), (2, 1, 1)]


def test_a_pod_that_cannot_live_ends_the_work_at_once_in_one_line(tmp_path: Path) -> None:
    target = made(tmp_path)
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}
    broken = pod("live-1", containerStatuses=[{"image": "my/app:1", "state": waiting, "restartCount": 0}])
    target.hear(listed("Pod", broken))
    with pytest.raises(EnvironmentFailedError, match=r"^pod live-1: image my/app:1: ImagePullBackOff: not found$"):
        asyncio.run(target.unless_it_fails(asyncio.sleep(30)))


@pytest.mark.parametrize(("noticed_s", "surprises"), [(0.0, 1), (60.0, 0)])
def test_an_absence_of_the_api_server_is_no_failure_and_a_surprise_only_when_it_lasts(
    noticed_s: float, surprises: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matchday.targets.kube.target._NOTICED_S", noticed_s)
    target = made(tmp_path)
    target.hear(Reachable(KINDS["Pod"], False, "refused"))
    target.hear(Reachable(KINDS["Pod"], True))
    asyncio.run(target.unless_it_fails(asyncio.sleep(0.1)))
    assert ["told nothing of Pods" in line for line in target.surprises()] == [True] * surprises


def test_a_long_absence_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matchday.targets.kube.target._AWAY_LIMIT_S", 0.0)
    target = made(tmp_path)
    target.hear(Reachable(KINDS["Pod"], False, "refused"))
    with pytest.raises(EnvironmentFailedError, match="the API server has not answered"):
        asyncio.run(target.unless_it_fails(asyncio.sleep(30)))


def test_autoscalers_come_at_the_surges_first_moment_and_not_before(tmp_path: Path) -> None:
    group = {"resources": [{"name": "horizontalpodautoscalers", "kind": "HorizontalPodAutoscaler", "namespaced": True}]}
    api = Answers({"/apis/autoscaling/v2": group})

    async def run() -> float:
        epoch = time.monotonic() + 0.2
        control = asyncio.ensure_future(made(tmp_path, api).control(epoch))
        while not api.sent:
            await asyncio.sleep(0.01)
        control.cancel()
        return time.monotonic() - epoch

    assert asyncio.run(asyncio.wait_for(run(), 10)) > 0.1
    assert api.sent[0][1] == "/apis/autoscaling/v2/namespaces/n/horizontalpodautoscalers/live"


def test_a_log_that_has_stopped_growing_is_whole(tmp_path: Path) -> None:
    target = made(tmp_path)
    target.proxy_log.write_text("a line\n")
    began = time.monotonic()
    asyncio.run(target.settle())
    assert 0.9 < time.monotonic() - began < 4


def test_killing_gives_a_pod_no_time(tmp_path: Path) -> None:
    api = Answers()
    target = made(tmp_path, api)
    target.hear(listed("Pod", pod("a", ready=True)))
    assert asyncio.run(target.kill(1)) == ["a"]
    assert api.sent == [("DELETE", "/api/v1/namespaces/n/pods/a", None)]

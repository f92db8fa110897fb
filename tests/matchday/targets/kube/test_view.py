import pytest

from balancer.kube.watch import Changed, Listed
from matchday.targets.kube.view import View, hopeless, is_ready, kinds, serving, started_at
from tests.matchday.targets.kube.api import Json, endpoint_slice, pod

KINDS = {kind.name: kind for kind in kinds("n")}


def test_counts_are_those_of_deployments_pods_and_endpoint_slices() -> None:
    view = View()
    view.hear(Listed(KINDS["Deployment"], ({"metadata": {"name": "live"}, "spec": {"replicas": 4}},), 0.0))
    view.hear(Listed(KINDS["Pod"], (pod("a", ready=True), pod("b", ready=True), pod("c")), 0.0))
    view.hear(Changed(KINDS["EndpointSlice"], endpoint_slice("live-1", "a"), gone=False, received_s=0.0))
    assert view.counts() == (4, 2, 1)


def test_what_is_gone_counts_no_more() -> None:
    view = View()
    view.hear(Listed(KINDS["Pod"], (pod("a", ready=True),), 0.0))
    view.hear(Changed(KINDS["Pod"], pod("a", ready=True), gone=True, received_s=0.0))
    assert view.counts() == (0, 0, 0)


def test_a_new_list_replaces_what_was_known() -> None:
    view = View()
    view.hear(Listed(KINDS["Pod"], (pod("a", ready=True),), 0.0))
    view.hear(Listed(KINDS["Pod"], (pod("b", ready=True),), 0.0))
    assert [p["metadata"]["name"] for p in view.all("Pod")] == ["b"]


def test_a_pod_on_its_way_out_is_not_ready() -> None:
    leaving = pod("a", ready=True)
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert not is_ready(leaving)


def test_a_pod_in_two_slices_is_in_rotation_once() -> None:
    assert serving([endpoint_slice("x", "a", "b"), endpoint_slice("y", "a")]) == {"a", "b"}


def container(reason: str, restarts: int = 0) -> Json:
    waiting = {"waiting": {"reason": reason, "message": "no such\nimage"}}
    return {"state": waiting, "restartCount": restarts, "lastState": {"terminated": {"exitCode": 3}}}


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError"])
def test_an_image_that_cannot_be_had_is_hopeless_in_one_line(reason: str) -> None:
    assert hopeless(container(reason)) == f"{reason}: no such image"


def test_a_crash_loop_is_hopeless_from_the_third_time() -> None:
    assert hopeless(container("CrashLoopBackOff", 2)) is None
    assert hopeless(container("CrashLoopBackOff", 3)) == "CrashLoopBackOff: it ended 3 times, at last with exit code 3"


def test_a_container_that_is_being_created_gives_hope() -> None:
    assert hopeless(container("ContainerCreating")) is None


def test_a_pod_has_started_when_its_last_container_has() -> None:
    states = [{"state": {"running": {"startedAt": f"2026-01-01T00:00:0{s}Z"}}} for s in (1, 2)]
    assert started_at(pod("a", containerStatuses=states)) == "2026-01-01T00:00:02Z"
    assert started_at(pod("a", containerStatuses=[*states, {"state": {"waiting": {}}}])) is None
    assert started_at(pod("a")) is None

import pytest

from balancer.kube.api import ApiError
from matchday.errors import EnvironmentFailedError
from matchday.targets.kube import namespace as spaces
from tests.matchday.targets.kube.api import Answers, Json

SPACE = "/api/v1/namespaces/matchday-quick-1"


def space(name: str, alive_at: str | None = None, created: str = "2026-01-01T00:00:00Z") -> Json:
    annotations = {} if alive_at is None else {spaces.ALIVE: alive_at}
    return {"metadata": {"name": name, "creationTimestamp": created, "annotations": annotations}}


def test_two_runs_of_a_scenario_have_two_namespaces() -> None:
    assert spaces.name_for("quick") != spaces.name_for("quick")
    assert spaces.name_for("quick").startswith("matchday-quick-")


def test_a_long_scenario_name_still_makes_a_namespace() -> None:
    assert len(spaces.name_for("x" * 63)) <= 63


def test_a_namespace_is_labelled_from_its_first_moment() -> None:
    api = Answers()
    spaces.create(api, "matchday-quick-1", "quick", 1000.0)
    ((_, _, body),) = api.sent
    assert body["metadata"]["labels"][spaces.LABEL] == "1"
    assert body["metadata"]["annotations"][spaces.ALIVE] == "1000"


def test_only_those_that_nobody_renews_are_stale() -> None:
    found = [space("dead", "900"), space("alive", "990")]
    assert spaces.stale(found, 1000.0, spaces.STALE_S) == ["dead"]


def test_one_that_was_never_renewed_is_as_old_as_itself() -> None:
    assert spaces.stale([space("old")], 1767225600.0 + 61, spaces.STALE_S) == ["old"]
    assert spaces.stale([space("new")], 1767225600.0 + 59, spaces.STALE_S) == []


def test_deleting_waits_until_it_is_gone() -> None:
    api = Answers({SPACE: space("matchday-quick-1")})
    deletions = []

    def vanish(_method: str, path: str) -> None:
        deletions.append(path)
        if len(deletions) == 3:
            api.objects.clear()

    api.on_send = vanish
    spaces.delete(api, "matchday-quick-1")
    assert len(deletions) == 3


def test_one_that_is_not_there_is_gone() -> None:
    api = Answers()

    def refuse(_method: str, _path: str) -> None:
        raise ApiError(404, "not found")

    api.on_send = refuse
    spaces.delete(api, "matchday-quick-1")
    assert len(api.sent) == 1


def test_one_that_stays_names_what_holds_it() -> None:
    stuck = space("matchday-quick-1")
    stuck["status"] = {"conditions": [{"status": "True", "message": "finalizer x remains"}]}
    with pytest.raises(EnvironmentFailedError, match=r"not gone after 0 s: finalizer x remains"):
        spaces.delete(Answers({SPACE: stuck}), "matchday-quick-1", within_s=0.01)


def test_stale_ones_are_removed_and_named() -> None:
    api = Answers({"/api/v1/namespaces": {"items": [space("dead", "0")]}})
    assert spaces.remove_stale(api) == ["dead"]
    assert api.sent[0][:2] == ("DELETE", "/api/v1/namespaces/dead")


RESOURCES = {
    "resources": [
        {"name": "services", "kind": "Service", "namespaced": True},
        {"name": "services/status", "kind": "Service", "namespaced": True},
        {"name": "nodes", "kind": "Node", "namespaced": False},
    ]
}


def test_a_kinds_path_is_what_the_cluster_says() -> None:
    api = Answers({"/api/v1": RESOURCES})
    spaces.apply(api, [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "live", "namespace": "n"}}])
    assert api.sent[0][:2] == ("PATCH", "/api/v1/namespaces/n/services/live")


@pytest.mark.parametrize("kind", ["Node", "Gateway"])
def test_a_kind_that_lives_in_no_namespace_or_nowhere_is_one_line(kind: str) -> None:
    api = Answers({"/api/v1": RESOURCES})
    with pytest.raises(EnvironmentFailedError, match=f"^{kind} a: the cluster has no kind {kind}"):
        spaces.apply(api, [{"apiVersion": "v1", "kind": kind, "metadata": {"name": "a", "namespace": "n"}}])


def test_renewing_changes_nothing_but_the_sign_of_life() -> None:
    api = Answers()
    spaces.renew(api, "matchday-quick-1", 1234.5)
    assert api.sent == [("PATCH", SPACE, {"metadata": {"annotations": {spaces.ALIVE: "1234"}}})]

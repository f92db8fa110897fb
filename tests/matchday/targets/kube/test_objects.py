import json
from typing import Any

from matchday.targets.kube.objects import prepared
from scenarios.load import load_scenario
from tests.matchday.targets.kube.quick import QUICK

WORKLOAD = load_scenario(QUICK).scenario.workload


def deployment(image: str) -> dict[str, Any]:
    container = {"name": "live", "image": image, "env": [{"name": "A", "value": "1"}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "live", "namespace": "elsewhere"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }


def env_of(item: dict[str, Any]) -> dict[str, str]:
    return {e["name"]: e["value"] for e in item["spec"]["template"]["spec"]["containers"][0]["env"]}


def test_every_object_comes_into_the_namespace() -> None:
    given = deployment("my/app:1")
    (made,) = prepared([given], "matchday-quick-1", WORKLOAD)
    assert made["metadata"] == {"name": "live", "namespace": "matchday-quick-1"}
    assert given["metadata"]["namespace"] == "elsewhere"


def test_a_stand_in_is_given_the_workload_beside_its_own_environment() -> None:
    (made,) = prepared([deployment("matchday/standin:1")], "n", WORKLOAD)
    assert env_of(made)["A"] == "1"
    assert json.loads(env_of(made)["MATCHDAY_WORKLOAD"])["workers"] == 8


def test_an_image_of_the_users_own_is_left_as_it_is() -> None:
    (made,) = prepared([deployment("my/app:1")], "n", WORKLOAD)
    assert env_of(made) == {"A": "1"}


def test_a_kind_without_containers_keeps_its_spec() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"selector": {"app": "a"}}}
    (made,) = prepared([service], "n", WORKLOAD)
    assert made == {**service, "metadata": {"name": "a", "namespace": "n"}}

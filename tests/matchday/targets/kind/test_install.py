import json
from typing import Any

import pytest
import yaml

from matchday.display import Display
from matchday.targets.kind import install
from matchday.targets.kind.install import Installation, controller_objects, metrics_objects
from scenarios.errors import ScenarioError


class Cluster:
    """kubectl against a dictionary of `kind/name`."""

    def __init__(self, **objects: dict[str, Any]) -> None:
        self.objects = {name.replace("__", "/"): item for name, item in objects.items()}
        self.applied: list[dict[str, Any]] = []

    def succeeds(self, *words: str) -> bool:
        return f"{words[4]}/{words[5]}" in self.objects

    def ask(self, *words: str, told: str | None = None) -> str:
        if told is not None:
            self.applied += list(yaml.safe_load_all(told))
            return ""
        return json.dumps(self.objects.get(f"{words[4]}/{words[5]}", {}))


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Any:
    def set_up(**objects: dict[str, Any]) -> tuple[Installation, Cluster]:
        cluster = Cluster(**objects)
        monkeypatch.setattr(install, "succeeds", cluster.succeeds)
        monkeypatch.setattr(install, "ask", cluster.ask)
        return Installation(Display(as_json=False), "kind-a"), cluster

    return set_up


MARK = {"configmap__matchday-made": {"data": {"controller": "installed"}}}
THERE: dict[str, dict[str, Any]] = {"deployment__matchday-balancer": {}}


def test_a_controller_that_someone_else_installed_is_refused(given: Any) -> None:
    installation, _ = given(**THERE)
    with pytest.raises(ScenarioError, match="installed by someone else"):
        installation.refuse_foreign()


def test_one_of_ours_and_none_at_all_are_not_refused(given: Any) -> None:
    given(**THERE, **MARK)[0].refuse_foreign()
    given()[0].refuse_foreign()


def test_the_mark_keeps_what_it_said_before(given: Any) -> None:
    installation, cluster = given(**MARK)
    installation.leave_mark(**{"metrics-server": "installed"})
    assert cluster.applied[-1]["data"] == {"controller": "installed", "metrics-server": "installed"}


def test_every_container_gets_the_image_asked_for() -> None:
    text = yaml.safe_dump(
        {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{"image": "a:1"}, {"image": "a:1"}]}}}}
    )
    (made,) = controller_objects(text, "b:2")
    assert [c["image"] for c in made["spec"]["template"]["spec"]["containers"]] == ["b:2", "b:2"]


def test_metrics_server_reads_as_often_as_it_can() -> None:
    deployment = next(item for item in metrics_objects("m:1") if item["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "m:1"
    assert "--metric-resolution=10s" in container["args"]

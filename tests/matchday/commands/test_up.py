import os
import signal
from typing import Any

import pytest

from matchday.commands import up
from matchday.errors import EnvironmentFailedError
from matchday.targets.kind import cluster
from scenarios.errors import ScenarioError


class Machine:
    """Kind clusters by name, True when ours; `done` lists what was done to them."""

    def __init__(self, **clusters: bool) -> None:
        self.clusters, self.done = clusters, list[str]()
        self.trouble: BaseException | None = None

    def create(self, _display: object, name: str, _port: int, _image: str | None) -> None:
        self.clusters[name] = True
        self.done.append(f"create {name}")

    def delete(self, name: str) -> None:
        del self.clusters[name]
        self.done.append(f"delete {name}")

    def install(self, _display: object, _wanted: object, context: str, _cluster: str | None) -> dict[str, object]:
        self.done.append(f"install {context}")
        if self.trouble is not None:
            raise self.trouble
        return {"context": context}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(theirs=False)
    monkeypatch.setattr(up, "need", lambda *_names: None)
    monkeypatch.setattr(up, "_install", made.install)
    monkeypatch.setattr(cluster, "clusters", lambda: tuple(made.clusters))
    monkeypatch.setattr(cluster, "made_by_us", lambda name: made.clusters[name])
    monkeypatch.setattr(cluster, "create", made.create)
    monkeypatch.setattr(cluster, "delete", made.delete)
    monkeypatch.setattr(cluster, "published", lambda _name: "127.0.0.1:8080")
    return made


def wanted(name: str = "a", **words: Any) -> up.Wanted:
    plain = {"context": None, "port": 8080, "keep": False, "image": None}
    more = {"base_image": None, "node_image": None, "metrics_server": None}
    return up.Wanted(name, **{**plain, **more, **words})


def test_a_cluster_is_made_and_filled(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert up.run(wanted(), as_json=True) == 0
    assert machine.done == ["create a", "install kind-a"]
    assert '"address": "127.0.0.1:8080"' in capsys.readouterr().out


def test_a_second_time_updates(machine: Machine) -> None:
    up.run(wanted(), as_json=False)
    up.run(wanted(), as_json=False)
    assert machine.done == ["create a", "install kind-a", "install kind-a"]


def test_a_cluster_of_somebody_elses_is_not_touched(machine: Machine) -> None:
    with pytest.raises(ScenarioError, match="--name: theirs"):
        up.run(wanted("theirs"), as_json=False)
    assert machine.done == []


@pytest.mark.parametrize("trouble", [EnvironmentFailedError("no image"), KeyboardInterrupt()])
def test_a_cluster_that_did_not_come_up_is_removed_again(machine: Machine, trouble: BaseException) -> None:
    machine.trouble = trouble
    with pytest.raises(type(trouble)):
        up.run(wanted(), as_json=False)
    assert machine.done[-1] == "delete a"


def test_kept_for_a_look_it_stays(machine: Machine) -> None:
    machine.trouble = EnvironmentFailedError("no image")
    with pytest.raises(EnvironmentFailedError):
        up.run(wanted(keep=True), as_json=False)
    assert "a" in machine.clusters


def test_one_that_was_there_before_is_never_removed(machine: Machine) -> None:
    up.run(wanted(), as_json=False)
    machine.trouble = EnvironmentFailedError("no image")
    with pytest.raises(EnvironmentFailedError):
        up.run(wanted(), as_json=False)
    assert "a" in machine.clusters


def test_being_terminated_cleans_up_as_well(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "_install", lambda *_words: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(KeyboardInterrupt):
        up.run(wanted(), as_json=False)
    assert machine.done == ["create a", "delete a"]


def test_a_named_cluster_elsewhere_needs_an_image_it_can_pull(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "known_context", lambda context: context)
    with pytest.raises(ScenarioError, match=r"^--image: "):
        up.run(wanted(context="prod"), as_json=False)
    assert machine.done == []

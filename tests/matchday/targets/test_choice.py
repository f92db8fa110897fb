import shutil
from pathlib import Path
from typing import Any

import pytest

from matchday.targets.choice import OnKubernetes, OnThisMachine, choose
from scenarios.errors import ScenarioError
from scenarios.load import load_scenario
from tests.matchday.targets.kube.quick import QUICK

NOTHING: dict[str, Any] = {"haproxy": None, "context": None, "address": None, "owned": False}


def test_each_word_names_its_target() -> None:
    assert isinstance(choose("local", **NOTHING), OnThisMachine)
    assert isinstance(choose("kube", **NOTHING), OnKubernetes)


@pytest.mark.parametrize(
    ("target", "given", "said"),
    [
        ("cube", {}, "--target: cube: local or kube"),
        ("local", {"context": "a"}, "--context: only with --target kube"),
        ("local", {"address": "127.0.0.1:1"}, "--address: only with --target kube"),
        ("local", {"owned": True}, "--i-own-this-host: only with --target kube"),
        ("kube", {"haproxy": Path("/x")}, "--haproxy: only with --target local"),
    ],
)
def test_words_that_do_not_go_together_are_refused(target: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError, match=f"^{said}"):
        choose(target, **{**NOTHING, **given})


def test_what_only_the_model_can_do_is_refused_on_kubernetes_too(tmp_path: Path) -> None:
    directory = shutil.copytree(QUICK, tmp_path / "quick")
    with (directory / "scenario.yaml").open("a") as file:
        file.write("disturbances: [{at: 30s, reload: true}]\n")
    with pytest.raises(ScenarioError, match="not on the kube target; use matchday predict"):
        choose("kube", **NOTHING).refuse(load_scenario(directory))


def test_many_client_addresses_are_only_on_this_machine(tmp_path: Path) -> None:
    directory = shutil.copytree(QUICK, tmp_path / "quick")
    text = (
        (directory / "scenario.yaml").read_text().replace("  arrivals: poisson", "  arrivals: poisson\n  clients: 20")
    )
    (directory / "scenario.yaml").write_text(text)
    choose("local", **NOTHING).refuse(load_scenario(directory))
    with pytest.raises(ScenarioError, match="clients: 20: not on the kube target"):
        choose("kube", **NOTHING).refuse(load_scenario(directory))


def test_an_unknown_context_is_refused_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    with pytest.raises(ScenarioError, match="--context: "):
        choose("kube", **{**NOTHING, "context": "nope"}).refuse(load_scenario(QUICK))

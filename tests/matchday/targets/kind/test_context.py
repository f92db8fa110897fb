import os
from pathlib import Path

import pytest
import yaml

from matchday.targets.kind import context
from scenarios.errors import ScenarioError


def test_a_known_context_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "contexts", lambda: ("a", "b"))
    assert context.known_context("b") == "b"


def test_an_unknown_context_is_answered_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "contexts", lambda: ("a", "b"))
    with pytest.raises(ScenarioError, match=r"^--context: c: one of a, b$"):
        context.known_context("c")


def test_without_any_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "contexts", tuple)
    with pytest.raises(ScenarioError, match="the kubeconfig has no context"):
        context.known_context("c")


def test_a_kubeconfig_that_is_being_written_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    found = iter([(), (), ("a",)])
    monkeypatch.setattr(context, "contexts", lambda: next(found))
    assert context.known_context("a") == "a"


def test_contexts_of_all_files_are_known_also_where_none_is_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(yaml.safe_dump({"contexts": [{"name": name, "context": {}}]}))
    (tmp_path / "broken").write_text("{")
    files = [str(tmp_path / name) for name in ("a", "broken", "b", "missing")]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(files))
    assert context.contexts() == ("a", "b")

import pytest

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

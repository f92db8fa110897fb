import json

import pytest

from matchday.commands import down
from matchday.targets.kind import cluster
from scenarios.errors import ScenarioError


@pytest.fixture
def deleted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(down, "need", lambda *_names: None)
    monkeypatch.setattr(cluster, "clusters", lambda: ("matchday", "theirs"))
    monkeypatch.setattr(cluster, "made_by_us", lambda name: name == "matchday")
    monkeypatch.setattr(cluster, "delete", names.append)
    return names


def test_what_up_made_is_removed(deleted: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert down.run("matchday", None, as_json=True) == 0
    assert deleted == ["matchday"]
    assert json.loads(capsys.readouterr().out) == {"removed": ["kind cluster matchday"]}


def test_what_is_not_there_is_no_mistake(deleted: list[str]) -> None:
    assert down.run("gone", None, as_json=False) == 0
    assert deleted == []


def test_what_somebody_else_made_stays(deleted: list[str]) -> None:
    with pytest.raises(ScenarioError, match="--name: theirs"):
        down.run("theirs", None, as_json=False)
    assert deleted == []


class Installed:
    def __init__(self, mark: dict[str, str] | None) -> None:
        self._mark, self.removed = mark, False

    def refuse_foreign(self) -> None:
        assert not self.removed

    def mark(self) -> dict[str, str] | None:
        return self._mark

    def remove(self) -> None:
        self.removed = True


@pytest.mark.parametrize("mark", [{"controller": "installed"}, None])
def test_from_a_named_cluster_only_what_was_installed_goes(
    mark: dict[str, str] | None, deleted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Installed(mark)
    monkeypatch.setattr(down, "known_context", lambda context: context)
    monkeypatch.setattr(down, "connect", lambda **_words: None)
    monkeypatch.setattr(down, "remove_stale", lambda _api, **_words: ())
    monkeypatch.setattr(down, "Installation", lambda _display, _context: there)
    assert down.run("matchday", "a", as_json=False) == 0
    assert there.removed is (mark is not None)
    assert deleted == []

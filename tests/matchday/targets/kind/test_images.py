from pathlib import Path

import pytest

from matchday.display import Display
from matchday.errors import EnvironmentFailedError
from matchday.targets.kind import images


def test_away_from_a_checkout_there_is_nothing_to_build_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_ROOT", tmp_path)
    with pytest.raises(EnvironmentFailedError, match="run from a checkout, or use --image"):
        images.build(Display(as_json=False), images.BALANCER, None)


@pytest.mark.parametrize(
    ("asked", "local", "base"),
    [("my/python:3", True, "my/python:3"), (None, True, "local/python:3.11-bookworm"), (None, False, None)],
)
def test_the_base_is_the_users_else_the_machines_else_the_dockerfiles(
    asked: str | None, local: bool, base: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(images, "succeeds", lambda *_words: local)
    monkeypatch.setattr(images, "work", lambda _d, _n, _a, *words, expected_s: ran.append(words))
    images.build(Display(as_json=False), images.STANDIN, asked)
    given = [word for word in ran[0] if word.startswith("BASE_IMAGE=")]
    assert given == ([] if base is None else [f"BASE_IMAGE={base}"])


def test_both_images_have_a_dockerfile() -> None:
    for name in images._DOCKERFILES.values():
        assert (images._ROOT / name).is_file()


def test_a_machine_without_its_own_metrics_server_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "ask", lambda *_words: "\n")
    assert images.local_metrics_server() is None
    monkeypatch.setattr(images, "ask", lambda *_words: "v0.9.0\n")
    assert images.local_metrics_server() == "local/metrics-server:v0.9.0"

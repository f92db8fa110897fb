from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from scenarios.errors import ScenarioError
from scenarios.load import LoadedScenario, load_scenario

LIBRARY = Path(__file__).parents[2] / "scenarios"


@dataclass
class Copy:
    """A copy of a scenario of the library, to be spoilt."""

    directory: Path

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace the one place where `old` stands."""
        file = self.directory / name
        text = file.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        file.write_text(text.replace(old, new))

    def line(self, name: str, marker: str) -> int:
        """The number of the first line that holds the marker."""
        lines = (self.directory / name).read_text().split("\n")
        return next(number for number, line in enumerate(lines, start=1) if marker in line)

    def load(self) -> LoadedScenario:
        return load_scenario(self.directory)

    def mistakes(self) -> tuple[str, ...]:
        """What loading refuses, without the directory."""
        with pytest.raises(ScenarioError) as refused:
            load_scenario(self.directory)
        assert "\n".join(refused.value.lines) == str(refused.value)
        return tuple(line.removeprefix(f"{self.directory}/") for line in refused.value.lines)


@pytest.fixture
def quick(tmp_path: Path) -> Copy:
    return _copy("quick", tmp_path)


@pytest.fixture
def match_day(tmp_path: Path) -> Copy:
    return _copy("match-day", tmp_path)


def _copy(name: str, tmp_path: Path) -> Copy:
    shutil.copytree(LIBRARY / name, tmp_path / name)
    return Copy(tmp_path / name)

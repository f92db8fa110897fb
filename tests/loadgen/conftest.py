"""A scenario, a schedule and the log lines of a proxy, made by hand."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from scenarios.load import LoadedScenario, load_scenario
from scenarios.traffic import PhaseSpan, Schedule

QUICK = Path(__file__).parent.parent.parent / "scenarios" / "quick"


@pytest.fixture
def scenario_dir(tmp_path: Path) -> Callable[..., Path]:
    """Writes the quick scenario with other keys in its traffic's one request, or in the traffic itself."""

    def write(request: dict[str, Any] | None = None, **traffic: Any) -> Path:
        directory = tmp_path / "scenario"
        directory.mkdir(exist_ok=True)
        for source in QUICK.glob("*.yaml"):
            (directory / source.name).write_text(source.read_text())
        document = yaml.safe_load((QUICK / "scenario.yaml").read_text())
        document["traffic"].update(traffic)
        document["traffic"]["requests"][0].update(request or {})
        (directory / "scenario.yaml").write_text(yaml.safe_dump(document))
        return directory

    return write


@pytest.fixture
def loaded(scenario_dir: Callable[..., Path]) -> LoadedScenario:
    return load_scenario(scenario_dir({"retries": 1}))


@pytest.fixture
def schedule_at() -> Callable[..., Schedule]:
    """A schedule of these intended times; a surge from 1 s to 2 s."""

    def make(times_s: Sequence[float], duration_s: float = 4.0) -> Schedule:
        n = len(times_s)
        edges = [(0.0, 1.0, "calm"), (1.0, 2.0, "surge"), (2.0, duration_s, "after")]
        return Schedule(
            np.array(times_s, dtype=np.float64),
            np.zeros(n, np.int32),
            np.zeros(n, np.int64),
            np.zeros(n, np.int32),
            tuple(PhaseSpan(name, start, end, name == "surge") for start, end, name in edges),
            duration_s,
        )

    return make

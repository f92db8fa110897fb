"""What it buys that two variants meet the same chance: how much less their difference scatters."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from scenarios.load import LoadedScenario, load_scenario
from sim.predict import one_future

SCENARIOS = Path(__file__).parents[2] / "scenarios"
REPLICATIONS = 60


def variant(name: str, directory: Path, old: str, new: str) -> LoadedScenario:
    """A scenario with one word of its manifests changed."""
    shutil.copytree(SCENARIOS / name, directory)
    manifest = directory / "app.yaml"
    assert old in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(old, new))
    return load_scenario(directory)


def surge_figures(loaded: LoadedScenario, seed: int) -> NDArray[np.float64]:
    """(replications, 3): mean latency, p99 and success of the surge phase."""
    futures = [one_future(loaded, None, seed, False, number) for number in range(REPLICATIONS)]
    phases = [next(phase for phase in future.phases if phase.surge) for future in futures]
    return np.array([(p.latency_s.mean, p.latency_s.p99, p.success_ratio) for p in phases], dtype=np.float64)


@pytest.mark.parametrize(
    ("name", "old", "new", "at_least"),
    [
        ("quick", "replicas: 2", "replicas: 3", (40, 4, 6)),
        ("quick", "averageUtilization: 60", "averageUtilization: 50", (1.5, 2, 8)),
        ("flash-crowd", "leastconn", "random(2)", (10, 6, 15)),
    ],
    ids=["one pod more", "an earlier autoscaler", "another algorithm"],
)
def test_the_difference_of_two_variants_scatters_less_under_one_seed(
    name: str, old: str, new: str, at_least: tuple[float, ...], tmp_path: Path
) -> None:
    base, changed = load_scenario(SCENARIOS / name), variant(name, tmp_path / name, old, new)
    ours = surge_figures(base, seed=1)
    same_chance, other_chance = surge_figures(changed, seed=1), surge_figures(changed, seed=2)
    gain = np.var(other_chance - ours, axis=0) / np.var(same_chance - ours, axis=0)
    assert (gain >= at_least).all(), gain


def test_what_does_not_matter_makes_no_difference_at_all(tmp_path: Path) -> None:
    base, changed = (
        load_scenario(SCENARIOS / "quick"),
        variant("quick", tmp_path / "quick", "maxReplicas: 10", "maxReplicas: 11"),
    )
    assert one_future(changed, None, 1, False, 0) == one_future(base, None, 1, False, 0)

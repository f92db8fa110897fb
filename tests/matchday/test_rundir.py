import json
from pathlib import Path

import pytest

from matchday.errors import EnvironmentFailedError
from matchday.rundir import RunDirectory
from scenarios.errors import ScenarioError
from scenarios.load import LoadedScenario, load_scenario

QUICK = Path(__file__).parents[2] / "scenarios" / "quick"


@pytest.fixture(scope="module")
def quick() -> LoadedScenario:
    return load_scenario(QUICK)


def test_a_run_directory_holds_a_copy_of_the_scenario(quick: LoadedScenario, tmp_path: Path) -> None:
    run = RunDirectory.create(quick, tmp_path / "run")
    run.close()
    assert load_scenario(tmp_path / "run" / "scenario").sha256 == quick.sha256


def test_a_directory_in_use_is_refused(quick: LoadedScenario, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ScenarioError, match="new or empty"):
        RunDirectory.create(quick, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_events_are_on_disk_as_they_happen(quick: LoadedScenario, tmp_path: Path) -> None:
    run = RunDirectory.create(quick, tmp_path / "run")
    run.event("stage", "before the clock")
    run.epoch = 0.0
    run.event("hpa", "web: 2 -> 4", desired=4)
    first, second = map(json.loads, (run.path / "events.jsonl").read_text().splitlines())
    run.close()
    assert first == {"t_s": None, "kind": "stage", "text": "before the clock"}
    assert second["desired"] == 4
    assert second["t_s"] > 0


def test_a_full_disk_is_one_sentence(quick: LoadedScenario, tmp_path: Path) -> None:
    run = RunDirectory.create(quick, tmp_path / "run")
    run.close()
    run._events = Path("/dev/full").open("a")
    with pytest.raises(EnvironmentFailedError, match=r"cannot write /dev/full: No space left on device"):
        run.event("stage", "x")
    with pytest.raises(OSError, match="No space"):
        run._events.close()


def test_a_file_is_written_whole_or_not_at_all(quick: LoadedScenario, tmp_path: Path) -> None:
    run = RunDirectory.create(quick, tmp_path / "run")
    run.close()
    run.write_text("report.md", "all of it")
    (run.path / ".status.json.partial").mkdir()
    with pytest.raises(EnvironmentFailedError, match="cannot write"):
        run.status("surge")
    assert (run.path / "report.md").read_text() == "all of it"
    assert not (run.path / "status.json").exists()


def test_a_place_that_cannot_be_written_is_named(quick: LoadedScenario) -> None:
    with pytest.raises(EnvironmentFailedError, match=r"cannot write the run directory /proc/run"):
        RunDirectory.create(quick, Path("/proc/run"))

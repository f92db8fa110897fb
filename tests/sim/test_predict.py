from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from scenarios.calibration import Calibration, PathCalibration
from scenarios.errors import ScenarioError
from scenarios.load import LoadedScenario, load_scenario
from scenarios.outcome import Figure, Interval, Outcome
from sim.predict import one_future, predict

QUICK = Path(__file__).parents[2] / "scenarios" / "quick"


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> LoadedScenario:
    """scenarios/quick with 26 s of traffic instead of 100."""
    directory = tmp_path_factory.mktemp("short") / "quick"
    shutil.copytree(QUICK, directory)
    file = directory / "scenario.yaml"
    text = file.read_text().replace("duration: 20s", "duration: 6s").replace("duration: 60s", "duration: 14s")
    file.write_text(text)
    return load_scenario(directory)


def outcome(loaded: LoadedScenario, **changes: object) -> Outcome:
    arguments: dict[str, object] = {
        "seed": 1,
        "replications": 2,
        "calibration": None,
        "same_arrivals": True,
        "workers": 1,
        "created_at": "2026-01-01T00:00:00Z",
    }
    return predict(loaded, **(arguments | changes))  # type: ignore[arg-type]


def middle(figure: Figure | None) -> float:
    assert isinstance(figure, Interval)
    return figure.value


def test_same_seed_same_bytes_with_any_number_of_workers(short: LoadedScenario) -> None:
    alone = outcome(short).model_dump_json(indent=1)
    assert outcome(short, workers=2).model_dump_json(indent=1) == alone
    assert outcome(short, created_at="later").model_dump_json(indent=1) == alone.replace(
        "2026-01-01T00:00:00Z", "later"
    )
    assert outcome(short, seed=2).total != outcome(short).total


def test_every_figure_carries_an_interval_that_holds_it(short: LoadedScenario) -> None:
    predicted = outcome(short)
    surge = predicted.phases[1]
    assert surge.surge
    for figure in (surge.goodput_rps, surge.success_ratio, surge.latency_s.p95, surge.failures.queue_timeout):
        assert isinstance(figure, Interval)
        assert figure.low <= figure.value <= figure.high
    assert len(predicted.series.time_s) == 26
    assert predicted.replicas[0].time_s == 0.0
    assert predicted.validity is None
    assert 0.0 <= predicted.slo.met <= 1.0
    assert Outcome.model_validate_json(predicted.model_dump_json()) == predicted


def test_the_surge_is_slower_than_the_calm_and_adds_pods(short: LoadedScenario) -> None:
    predicted = outcome(short)
    calm, surge, _ = predicted.phases
    assert middle(calm.latency_s.mean) == pytest.approx(0.06, rel=0.2)
    assert middle(surge.latency_s.p95) > 3 * middle(calm.latency_s.p95)
    assert middle(predicted.replicas[0].desired) == 2
    assert max(middle(row.desired) for row in predicted.replicas) >= 4


def test_same_arrivals_offer_the_same_and_own_arrivals_do_not(short: LoadedScenario) -> None:
    same = outcome(short).total.offered_rps
    own = outcome(short, same_arrivals=False).total.offered_rps
    assert isinstance(same, Interval)
    assert isinstance(own, Interval)
    assert same.low == same.high
    assert own.low < own.high


def calibration(loaded: LoadedScenario, path: str = "/live") -> Calibration:
    rng = np.random.default_rng(1)
    return Calibration(
        scenario="quick",
        scenario_sha256=loaded.sha256,
        seed=1,
        created_at="2026-01-01",
        duration_s=20.0,
        paths={path: PathCalibration(service_s=tuple(np.sort(rng.exponential(0.03, 300))), cpu_s=0.002)},
        outside_s=(0.01,),
        startup_s=(1.2, 1.3),
        rotation_lag_s=(0.01, 0.02),
        decision_lag_s=(0.1,),
        idle_cores=0.002,
    )


def test_a_calibration_replaces_what_was_declared(short: LoadedScenario) -> None:
    measured = calibration(short)
    predicted = outcome(short, calibration=measured)
    assert predicted.calibration_sha256 == measured.sha256()
    calm = predicted.phases[0].latency_s
    assert middle(calm.mean) == pytest.approx(0.03 + 0.01, rel=0.35)
    first_ready = next(row for row in predicted.replicas if middle(row.ready) > 2)
    asked = next(row for row in predicted.replicas if middle(row.desired) > 2)
    # 0.1 s of decision lag, 1.2 to 1.3 s of start-up, the probe of the second second
    assert first_ready.time_s - asked.time_s == pytest.approx(0.1 + 2.0, abs=0.11)


def test_a_calibration_of_another_scenario_is_refused(short: LoadedScenario) -> None:
    with pytest.raises(ScenarioError, match="/live"):
        outcome(short, calibration=calibration(short, "/other"))


def test_no_replications_are_refused(short: LoadedScenario) -> None:
    with pytest.raises(ValueError, match="at least one"):
        outcome(short, replications=0)


def test_progress_counts_replications(short: LoadedScenario) -> None:
    seen: list[int] = []
    outcome(short, replications=2, progress=seen.append)
    assert seen == [1, 2]


def test_one_future_is_what_a_replication_is(short: LoadedScenario) -> None:
    assert one_future(short, None, 1, True, 3) == one_future(short, None, 1, True, 3)

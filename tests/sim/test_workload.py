from __future__ import annotations

import numpy as np
import pytest

from scenarios.calibration import Calibration, PathCalibration
from scenarios.errors import ScenarioError
from scenarios.schema import (
    ConstantTime,
    Exponential,
    ExponentialTime,
    LogNormal,
    LogNormalTime,
    PathBehaviour,
    Request,
    Scenario,
    Slo,
    Startup,
    Traffic,
    Workload,
)
from sim.workload import calibrated, declared, empirical, service_time

UNIFORM = (np.arange(100_000) + 0.5) / 100_000


def scenario(cv: float = 0.0) -> Scenario:
    return Scenario(
        name="two-paths",
        manifests=("app.yaml",),
        traffic=Traffic(
            phases=({"name": "all", "duration": "10s", "rps": 5},),
            requests=(Request(host="h", path="/b"), Request(host="h", path="/a")),
        ),
        workload=Workload(
            paths={
                "/a": PathBehaviour(time=ConstantTime(constant="40ms"), cpu="3ms"),
                "/b": PathBehaviour(time=ConstantTime(constant="90ms"), cpu="4ms"),
            },
            startup=Startup(mean="4s", cv=cv),
        ),
        slo=Slo(p99="1s", success="99%"),
    )


def calibration(**changes: object) -> Calibration:
    values: dict[str, object] = {
        "scenario": "two-paths",
        "scenario_sha256": "0",
        "seed": 1,
        "created_at": "2026-01-01",
        "duration_s": 60.0,
        "paths": {
            "/a": PathCalibration(service_s=tuple(np.linspace(0.03, 0.05, 400)), cpu_s=0.002),
            "/b": PathCalibration(service_s=(0.09,), cpu_s=0.004),
        },
        "outside_s": (0.002,),
        "startup_s": (3.0, 4.0),
        "rotation_lag_s": (0.01,),
        "decision_lag_s": (0.1,),
        "idle_cores": 0.003,
    }
    return Calibration.model_validate(values | changes)


def test_declared_distributions_have_the_declared_mean_and_spread() -> None:
    lognormal = service_time(LogNormalTime(lognormal=LogNormal(mean="60ms", cv=0.5)))(UNIFORM)
    assert lognormal.mean() == pytest.approx(0.06, rel=1e-3)
    assert lognormal.std() / lognormal.mean() == pytest.approx(0.5, rel=1e-2)
    exponential = service_time(ExponentialTime(exponential=Exponential(mean="60ms")))(UNIFORM)
    assert exponential.mean() == pytest.approx(0.06, rel=1e-3)
    assert exponential.std() == pytest.approx(0.06, rel=1e-2)


def test_a_draw_of_zero_is_a_short_time_and_no_infinity() -> None:
    quantile = service_time(LogNormalTime(lognormal=LogNormal(mean="60ms", cv=0.5)))
    assert 0 <= quantile(np.zeros(1))[0] < 0.06


def test_declared_behaviour_is_what_the_scenario_says_of_each_path() -> None:
    behaviour = declared(scenario())
    assert [behaviour.paths[path].service.at(0.5) for path in ("/b", "/a")] == pytest.approx([0.09, 0.04])
    assert [behaviour.paths[path].cpu_s for path in ("/b", "/a")] == pytest.approx([0.004, 0.003])
    assert behaviour.startup(np.array([0.1, 0.9])).tolist() == [4.0, 4.0]
    assert behaviour.outside(np.array([0.5])).tolist() == [0.0]


def test_a_start_up_with_spread_is_lognormal() -> None:
    startup = declared(scenario(cv=0.3)).startup(UNIFORM)
    assert (startup.mean(), startup.std()) == pytest.approx((4.0, 1.2), rel=1e-2)


def test_quantiles_of_a_sample_are_linear_between_neighbours() -> None:
    quantile = empirical(np.array([1.0, 2.0, 4.0]))
    assert quantile(np.array([0.0, 0.25, 0.5, 0.75, 1.0])).tolist() == [1.0, 1.5, 2.0, 3.0, 4.0]
    assert empirical(np.array([3.0]))(np.array([0.0, 0.7])).tolist() == [3.0, 3.0]


def test_each_replication_resamples_the_calibration() -> None:
    means = []
    for seed in range(200):
        behaviour = calibrated(scenario(), calibration(), np.random.default_rng(seed))
        means.append(behaviour.paths["/a"].service(UNIFORM[::100]).mean())
        assert behaviour.paths["/b"].service.at(0.3) == 0.09
    # the standard error of a mean of 400 values spread uniformly over 20 ms
    assert np.std(means) == pytest.approx(0.02 / np.sqrt(12 * 400), rel=0.25)
    assert np.mean(means) == pytest.approx(0.04, rel=1e-2)


def test_the_same_generator_gives_the_same_behaviour() -> None:
    one, other = (calibrated(scenario(), calibration(), np.random.default_rng(4)) for _ in range(2))
    assert one.paths["/a"].service(UNIFORM).tolist() == other.paths["/a"].service(UNIFORM).tolist()
    assert one.idle_cores == 0.003


def test_a_calibration_without_a_path_of_the_mix_is_refused_in_one_line() -> None:
    only_a = calibration(paths={"/a": PathCalibration(service_s=(0.1,), cpu_s=0.0)})
    with pytest.raises(ScenarioError, match=r"nothing of path /b: calibrate again") as caught:
        calibrated(scenario(), only_a, np.random.default_rng(1))
    assert "\n" not in str(caught.value)

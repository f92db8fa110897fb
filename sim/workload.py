"""How pods behave, as inverse distribution functions: declared in the scenario, or calibrated on the real target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scenarios.calibration import Calibration
from scenarios.errors import ScenarioError
from scenarios.schema import ConstantTime, ExponentialTime, Scenario, ServiceTime
from sim.dataplane.draws import CONSTANT, EXPONENTIAL, LOGNORMAL, SAMPLE, quantile, quantiles

_NO_SAMPLE = np.zeros(1)


@dataclass(frozen=True, eq=False)
class Distribution:
    """A distribution that model and kernel draw from alike; `a`, `b` and `sample` (n,) as `draws.quantile` has them."""

    family: int
    a: float = 0.0
    b: float = 0.0
    sample: NDArray[np.float64] = field(default_factory=lambda: _NO_SAMPLE)

    def __call__(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distributions at uniform numbers (n,) of [0, 1)."""
        values: NDArray[np.float64] = quantiles(self.family, self.a, self.b, self.sample, u)
        return values

    def at(self, u: float) -> float:
        """The quantile at one uniform number."""
        return quantile(self.family, self.a, self.b, self.sample, u)


@dataclass(frozen=True)
class PathBehaviour:
    """One path: how long it holds its slot when nothing contends, the CPU burnt in that time."""

    service: Distribution
    cpu_s: float


@dataclass(frozen=True)
class Behaviour:
    """All of it. `outside` is latency the client sees that holds no slot; the others as in `Calibration`."""

    paths: Mapping[str, PathBehaviour]
    outside: Distribution
    startup: Distribution
    rotation: Distribution
    decision: Distribution
    idle_cores: float


def declared(scenario: Scenario) -> Behaviour:
    """The scenario's own words. Without a calibration proxy overhead, lags and an idle pod's CPU are zero."""
    paths = scenario.workload.paths
    startup = scenario.workload.startup
    zero = constant(0.0)
    return Behaviour(
        paths={path: PathBehaviour(service_time(said.time), said.cpu) for path, said in paths.items()},
        outside=zero,
        startup=lognormal(startup.mean, startup.cv),
        rotation=zero,
        decision=zero,
        idle_cores=0.0,
    )


def calibrated(scenario: Scenario, calibration: Calibration, generator: np.random.Generator) -> Behaviour:
    """Measured samples, each resampled with replacement, so that what the calibration could not know is in the spread.

    Raises ScenarioError when the calibration lacks a path of the request mix.
    """

    def again(sample_s: Sequence[float]) -> Distribution:
        sample = np.asarray(sample_s)
        return empirical(np.sort(generator.choice(sample, size=sample.size)))

    missing = [path for path in scenario.workload.paths if path not in calibration.paths]
    if missing:
        raise ScenarioError(
            f"the calibration of {calibration.scenario} knows nothing of path {missing[0]}: calibrate again"
        )
    return Behaviour(
        paths={
            path: PathBehaviour(again(measured.service_s), measured.cpu_s)
            for path, measured in sorted(calibration.paths.items())
        },
        outside=again(calibration.outside_s),
        startup=again(calibration.startup_s),
        rotation=again(calibration.rotation_lag_s),
        decision=again(calibration.decision_lag_s),
        idle_cores=calibration.idle_cores,
    )


def empirical(ordered: NDArray[np.float64]) -> Distribution:
    """The sample's quantiles, linear between neighbours; `ordered` ascends."""
    return Distribution(SAMPLE, sample=ordered)


def constant(value: float) -> Distribution:
    """Always the same."""
    return Distribution(CONSTANT, value)


def lognormal(mean: float, cv: float) -> Distribution:
    """Lognormal of that mean and coefficient of variation: sigma^2 = ln(1 + cv^2); constant when `cv` is 0."""
    variance = float(np.log1p(cv * cv))
    return Distribution(LOGNORMAL, float(np.log(mean)) - variance / 2, variance**0.5) if cv else constant(mean)


def service_time(time_s: ServiceTime) -> Distribution:
    """The distribution of a declared time."""
    if isinstance(time_s, ConstantTime):
        return constant(time_s.constant)
    if isinstance(time_s, ExponentialTime):
        return Distribution(EXPONENTIAL, time_s.exponential.mean)
    return lognormal(time_s.lognormal.mean, time_s.lognormal.cv)

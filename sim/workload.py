"""How pods behave, as inverse distribution functions: declared in the scenario, or calibrated on the real target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from scenarios.calibration import Calibration
from scenarios.errors import ScenarioError
from scenarios.schema import ConstantTime, ExponentialTime, Scenario, ServiceTime
from sim.streams import Quantile


@dataclass(frozen=True)
class RequestBehaviour:
    """One entry of the request mix: how long it holds its slot when nothing contends, the CPU burnt in that time."""

    service: Quantile
    cpu_s: float


@dataclass(frozen=True)
class Behaviour:
    """All of it. `outside` is latency the client sees that holds no slot; the others as in `Calibration`.

    `requests` is in the order of the scenario's request mix.
    """

    requests: tuple[RequestBehaviour, ...]
    outside: Quantile
    startup: Quantile
    rotation: Quantile
    decision: Quantile
    idle_cores: float


def declared(scenario: Scenario) -> Behaviour:
    """The scenario's own words. Without a calibration proxy overhead, lags and an idle pod's CPU are zero."""
    paths = scenario.workload.paths
    startup = scenario.workload.startup
    zero = _constant(0.0)
    return Behaviour(
        requests=tuple(
            RequestBehaviour(service_quantile(paths[r.path].time), paths[r.path].cpu) for r in scenario.traffic.requests
        ),
        outside=zero,
        startup=_lognormal(startup.mean, startup.cv) if startup.cv else _constant(startup.mean),
        rotation=zero,
        decision=zero,
        idle_cores=0.0,
    )


def calibrated(scenario: Scenario, calibration: Calibration, generator: np.random.Generator) -> Behaviour:
    """Measured samples, each resampled with replacement, so that what the calibration could not know is in the spread.

    Raises ScenarioError when the calibration lacks a path of the request mix.
    """

    def again(sample_s: Sequence[float]) -> Quantile:
        sample = np.asarray(sample_s)
        return empirical(np.sort(generator.choice(sample, size=sample.size)))

    missing = [r.path for r in scenario.traffic.requests if r.path not in calibration.paths]
    if missing:
        raise ScenarioError(
            f"the calibration of {calibration.scenario} knows nothing of path {missing[0]}: calibrate again"
        )
    by_path = {
        path: RequestBehaviour(again(measured.service_s), measured.cpu_s)
        for path, measured in sorted(calibration.paths.items())
    }
    return Behaviour(
        requests=tuple(by_path[r.path] for r in scenario.traffic.requests),
        outside=again(calibration.outside_s),
        startup=again(calibration.startup_s),
        rotation=again(calibration.rotation_lag_s),
        decision=again(calibration.decision_lag_s),
        idle_cores=calibration.idle_cores,
    )


def empirical(ordered: NDArray[np.float64]) -> Quantile:
    """The sample's quantiles, linear between neighbours; `ordered` ascends."""
    places = np.linspace(0.0, 1.0, ordered.size) if ordered.size > 1 else np.zeros(1)

    def quantile(u: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.interp(u, places, ordered)

    return quantile


def service_quantile(time_s: ServiceTime) -> Quantile:
    """Inverse distribution function of a declared service time."""
    if isinstance(time_s, ConstantTime):
        return _constant(time_s.constant)
    if isinstance(time_s, ExponentialTime):
        mean = time_s.exponential.mean
        return lambda u: -mean * np.log1p(-u)
    return _lognormal(time_s.lognormal.mean, time_s.lognormal.cv)


def _constant(value: float) -> Quantile:
    return lambda u: np.full(u.shape, value)


def _lognormal(mean: float, cv: float) -> Quantile:
    """Lognormal of that mean and coefficient of variation: sigma^2 = ln(1 + cv^2)."""
    variance = np.log1p(cv * cv)

    def quantile(u: NDArray[np.float64]) -> NDArray[np.float64]:
        # a uniform draw of exactly 0 would be minus infinity in the exponent
        z: NDArray[np.float64] = ndtri(np.maximum(u, np.finfo(np.float64).tiny))
        return np.asarray(mean * np.exp(np.sqrt(variance) * z - variance / 2))

    return quantile

"""When each request is meant to be sent, computed once: the model and the generator consume the same schedule."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scenarios.load import LoadedScenario
from scenarios.schema import BurstyArrivals, Traffic

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PhaseSpan:
    """A phase on the schedule's clock, seconds from its first moment; [start_s, end_s)."""

    name: str
    start_s: float
    end_s: float
    surge: bool


@dataclass(frozen=True)
class Rate:
    """A piecewise linear rate: piece i runs from edge_s[i] to edge_s[i + 1], from from_rps[i] to to_rps[i].

    edge_s (m + 1,), from_rps (m,), to_rps (m,); it may jump between pieces.
    """

    edge_s: Floats
    from_rps: Floats
    to_rps: Floats

    def expected(self) -> Floats:
        """(m + 1,) requests expected up to each edge: the exact integral."""
        area = np.diff(self.edge_s) * (self.from_rps + self.to_rps) / 2
        return np.concatenate(([0.0], np.cumsum(area)))

    def count(self, time_s: Floats) -> Floats:
        """Requests expected before each time: the integral from the first edge."""
        piece = np.clip(np.searchsorted(self.edge_s, time_s, side="right") - 1, 0, len(self.from_rps) - 1)
        length = self.edge_s[piece + 1] - self.edge_s[piece]
        into = np.clip(time_s - self.edge_s[piece], 0.0, length)
        slope = (self.to_rps[piece] - self.from_rps[piece]) / length
        return self.expected()[piece] + into * (self.from_rps[piece] + slope * into / 2)

    def peak(self, start_s: float, end_s: float) -> float:
        """The highest rate of any piece that touches the open interval between two edges."""
        inside = (self.edge_s[:-1] < end_s) & (self.edge_s[1:] > start_s)
        return float(max(self.from_rps[inside].max(), self.to_rps[inside].max()))

    def when(self, count: Floats) -> Floats:
        """The times at which the integral reaches `count` (ascending): exact inversion, piece by piece.

        Within a piece of slope b the integral is a t + b t^2 / 2; its root is written so that it holds for b = 0.
        """
        reached = self.expected()
        piece = np.clip(np.searchsorted(reached, count, side="right") - 1, 0, len(self.from_rps) - 1)
        start, a = self.edge_s[piece], self.from_rps[piece]
        length = self.edge_s[piece + 1] - start
        b = (self.to_rps[piece] - a) / length
        rest = count - reached[piece]
        root = np.sqrt(np.maximum(0.0, a * a + 2 * b * rest))
        times = start + 2 * rest / np.maximum(a + root, 1e-300)
        before_end = np.nextafter(self.edge_s[piece + 1], 0.0)  # an edge belongs to the piece it opens
        return np.maximum.accumulate(np.clip(times, start, before_end))


@dataclass(frozen=True)
class Schedule:
    """n intended requests in order of time.

    intended_s  (n,) float64, ascending, seconds from the schedule's first moment
    request     (n,) int32, index into `traffic.requests`
    key         (n,) int64, what fills `{key}` of the path
    client      (n,) int32, which of the `traffic.clients` source addresses sends it
    """

    intended_s: NDArray[np.float64]
    request: NDArray[np.int32]
    key: NDArray[np.int64]
    client: NDArray[np.int32]
    phases: tuple[PhaseSpan, ...]
    duration_s: float


def build_schedule(loaded: LoadedScenario, seed: int) -> Schedule:
    """The schedule of a scenario. Each cause has its own random stream, so that a change of one moves no other."""
    traffic = loaded.scenario.traffic
    arrivals, mix, keys, clients = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(4))
    rate = rate_of(loaded)
    intended_s = _arrivals(traffic, rate, arrivals)
    n = len(intended_s)
    weights = np.array([request.weight for request in traffic.requests])
    request = np.searchsorted(np.cumsum(weights) / weights.sum(), mix.random(n), side="right")
    request = np.minimum(request, len(weights) - 1)
    key_counts = np.array([r.keys for r in traffic.requests], dtype=np.int64)
    return Schedule(
        intended_s=intended_s,
        request=request.astype(np.int32),
        key=(keys.random(n) * key_counts[request]).astype(np.int64),
        client=(clients.random(n) * traffic.clients).astype(np.int32),
        phases=phase_spans(loaded),
        duration_s=float(rate.edge_s[-1]),
    )


def rate_of(loaded: LoadedScenario) -> Rate:
    """The intended rate over the whole schedule."""
    traffic = loaded.scenario.traffic
    if traffic.phases is not None:
        ends = [(p.rps, p.rps) if isinstance(p.rps, float) else p.rps for p in traffic.phases]
        lengths = [p.duration for p in traffic.phases]
        first, last = (np.array(side) for side in zip(*ends, strict=True))
        return Rate(np.concatenate(([0.0], np.cumsum(lengths))), first, last)
    assert traffic.trace is not None
    assert loaded.trace is not None
    rps = np.array([count for _, count in loaded.trace]) / 60.0 * traffic.trace.speed
    if traffic.trace.scale_to_peak_rps is not None:
        rps = rps * (traffic.trace.scale_to_peak_rps / rps.max())
    edges = np.arange(len(rps) + 1, dtype=np.float64) * (60.0 / traffic.trace.speed)
    return Rate(edges, rps, rps)


def phase_spans(loaded: LoadedScenario) -> tuple[PhaseSpan, ...]:
    """The phases on the schedule's clock. A trace without named ones is one phase."""
    traffic, rate = loaded.scenario.traffic, rate_of(loaded)
    end_s = float(rate.edge_s[-1])
    if traffic.phases is not None:
        named = [(p.name, p.surge) for p in traffic.phases]
        edges = [float(edge) for edge in rate.edge_s]
    else:
        assert traffic.trace is not None
        assert loaded.trace is not None
        row_of = {label: row for row, (label, _) in enumerate(loaded.trace)}
        named = [(p.name, p.surge) for p in traffic.trace.phases] or [("trace", True)]
        edges = [float(rate.edge_s[row_of[p.since]]) for p in traffic.trace.phases] or [0.0]
        edges = [*edges, end_s]
    half = rate.peak(0.0, end_s) / 2
    return tuple(
        PhaseSpan(name, start, end, rate.peak(start, end) >= half if surge is None else surge)
        for (name, surge), (start, end) in zip(named, itertools.pairwise(edges), strict=True)
    )


def _arrivals(traffic: Traffic, rate: Rate, rng: np.random.Generator) -> Floats:
    """Ascending arrival times: a process of rate one, bent by the inverse of the expected count."""
    total = float(rate.expected()[-1])
    if traffic.arrivals == "even":
        return rate.when(np.arange(0.5, total - 1e-9 * total, 1.0))
    burst = traffic.arrivals.bursty.burst if isinstance(traffic.arrivals, BurstyArrivals) else 1.0
    counts = _unit_poisson(total / burst, rng) * burst
    if burst > 1.0:
        counts = np.repeat(counts, rng.geometric(1.0 / burst, size=len(counts)))
    return rate.when(counts)


def _unit_poisson(until: float, rng: np.random.Generator) -> Floats:
    """The points of a Poisson process of rate one in [0, until)."""
    points = np.cumsum(rng.exponential(size=int(until + 6 * np.sqrt(until) + 20)))
    while points[-1] < until:
        points = np.concatenate((points, points[-1] + np.cumsum(rng.exponential(size=1000))))
    return points[points < until]


def save_schedule(schedule: Schedule, path: Path) -> None:
    """Write a schedule for another process to read."""
    names, bounds = [p.name for p in schedule.phases], [(p.start_s, p.end_s, p.surge) for p in schedule.phases]
    np.savez(
        path,
        intended_s=schedule.intended_s,
        request=schedule.request,
        key=schedule.key,
        client=schedule.client,
        names=np.array(names),
        bounds=np.array(bounds, dtype=np.float64),
        duration_s=np.array(schedule.duration_s),
    )


def load_schedule(path: Path) -> Schedule:
    """Read what `save_schedule` wrote."""
    with np.load(path) as file:
        phases = tuple(
            PhaseSpan(str(name), float(start), float(end), bool(surge))
            for name, (start, end, surge) in zip(file["names"], file["bounds"], strict=True)
        )
        return Schedule(
            file["intended_s"], file["request"], file["key"], file["client"], phases, float(file["duration_s"])
        )

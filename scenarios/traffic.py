"""When each request is meant to be sent, computed once: the model and the generator consume the same schedule."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from scenarios.arrivals import arrival_blocks
from scenarios.load import LoadedScenario
from scenarios.log_arrivals import log_arrivals, log_rate
from scenarios.rate import Floats, Rate
from scenarios.schema import LOADS, Phase


@dataclass(frozen=True)
class PhaseSpan:
    """A phase on the schedule's clock, seconds from its first moment; [start_s, end_s)."""

    name: str
    start_s: float
    end_s: float
    surge: bool


@dataclass(frozen=True)
class ScheduleFrame:
    """What can be said of a schedule without making it."""

    phases: tuple[PhaseSpan, ...]
    duration_s: float


@dataclass(frozen=True)
class Block:
    """n intended requests in order of time.

    intended_s  (n,) float64, ascending, seconds from the schedule's first moment
    request     (n,) int32, index into `traffic.requests`
    key         (n,) int64, what fills `{key}` of the path
    client      (n,) int32, which of the `traffic.clients` source addresses sends it
    """

    intended_s: Floats
    request: NDArray[np.int32]
    key: NDArray[np.int64]
    client: NDArray[np.int32]


@dataclass(frozen=True)
class Schedule(Block):
    """All intended requests."""

    phases: tuple[PhaseSpan, ...]
    duration_s: float


def schedule_frame(loaded: LoadedScenario) -> ScheduleFrame:
    """The phases and the length of a scenario's schedule."""
    return ScheduleFrame(phase_spans(loaded), float(rate_of(loaded).edge_s[-1]))


def schedule_blocks(loaded: LoadedScenario, seed: int, size: int = 1 << 18) -> Iterator[Block]:
    """The schedule in blocks of at most `size` requests, which changes no byte of it; only one is held at a time.

    Each cause has its own random stream, so that a change of one moves no other; where there is nothing to choose,
    nothing is drawn.
    """
    traffic = loaded.scenario.traffic
    seeds = np.random.SeedSequence(seed).spawn(5)
    arrivals, mix, keys, clients, bursts = (np.random.default_rng(s) for s in seeds)
    weights = np.array([request.weight for request in traffic.requests])
    shares = (np.cumsum(weights) / weights.sum())[:-1]
    key_counts = np.array([request.keys for request in traffic.requests], dtype=np.int64)
    for intended_s, logged in _arrivals(loaded, arrivals, bursts, size):
        n = len(intended_s)
        request = np.zeros(n, dtype=np.int32) if logged is None else logged
        if logged is None and len(shares):
            request = _kinds(loaded, intended_s, shares, mix.random(n))
        key = np.zeros(n, dtype=np.int64)
        if key_counts.max() > 1:
            key = (keys.random(n) * key_counts[request]).astype(np.int64)
        client = np.zeros(n, dtype=np.int32)
        if traffic.clients > 1:
            client = (clients.random(n) * traffic.clients).astype(np.int32)
        yield Block(intended_s, request, key, client)


def _arrivals(
    loaded: LoadedScenario, points: np.random.Generator, bursts: np.random.Generator, size: int
) -> Iterator[tuple[Floats, NDArray[np.int32] | None]]:
    """Blocks of arrival times; a log knows their kinds as well."""
    traffic = loaded.scenario.traffic
    if traffic.log is None or loaded.log is None:
        for intended_s in arrival_blocks(traffic, rate_of(loaded), points, bursts, size):
            yield intended_s, None
        return
    times_s, kinds = log_arrivals(traffic.log, loaded.log, points)
    for first in range(0, len(times_s), size):
        yield times_s[first : first + size], kinds[first : first + size]


def _kinds(
    loaded: LoadedScenario, intended_s: Floats, shares: Floats, chance: NDArray[np.float64]
) -> NDArray[np.int32]:
    """(n,) kinds of requests by the mix's weights, or as their interval of a trace counted them; `chance` is uniform."""
    if loaded.trace_kinds is None:
        return np.searchsorted(shares, chance, side="right").astype(np.int32)
    rows = np.searchsorted(rate_of(loaded).edge_s, intended_s, side="right") - 1
    counted = loaded.trace_kinds[np.minimum(rows, len(loaded.trace_kinds) - 1)]  # rounding may reach the end
    reached = np.cumsum(counted, axis=1)
    kinds: NDArray[np.int32] = (chance[:, None] * reached[:, -1:] >= reached[:, :-1]).sum(axis=1).astype(np.int32)
    return kinds


def at_constant_rate(loaded: LoadedScenario, name: str, rps: float, duration_s: float) -> LoadedScenario:
    """The same requests by the mix's weights, at one rate, whatever kind of load the scenario has."""
    phase = Phase.model_validate({"name": name, "duration": f"{duration_s}s", "rps": rps})
    load = {**dict.fromkeys(LOADS), "phases": (phase,)}
    traffic = loaded.scenario.traffic.model_copy(update=load)
    scenario = loaded.scenario.model_copy(update={"traffic": traffic})
    return replace(loaded, scenario=scenario, trace=None, trace_kinds=None, log=None)


def build_schedule(loaded: LoadedScenario, seed: int) -> Schedule:
    """The whole schedule of a scenario: all its blocks."""
    blocks = list(schedule_blocks(loaded, seed))
    frame = schedule_frame(loaded)
    return Schedule(
        intended_s=np.concatenate([block.intended_s for block in blocks] or [np.empty(0)]),
        request=np.concatenate([block.request for block in blocks] or [np.empty(0, dtype=np.int32)]),
        key=np.concatenate([block.key for block in blocks] or [np.empty(0, dtype=np.int64)]),
        client=np.concatenate([block.client for block in blocks] or [np.empty(0, dtype=np.int32)]),
        phases=frame.phases,
        duration_s=frame.duration_s,
    )


def rate_of(loaded: LoadedScenario) -> Rate:
    """The intended rate over the whole schedule."""
    traffic = loaded.scenario.traffic
    if traffic.phases is not None:
        ends = [(p.rps, p.rps) if isinstance(p.rps, float) else p.rps for p in traffic.phases]
        lengths = [p.duration for p in traffic.phases]
        first, last = (np.array(side) for side in zip(*ends, strict=True))
        return Rate(np.concatenate(([0.0], np.cumsum(lengths))), first, last)
    if traffic.log is not None and loaded.log is not None:
        return log_rate(traffic.log, loaded.log)
    if traffic.locustfile is not None:
        lengths = [p.duration for p in traffic.locustfile.phases]
        nothing = np.zeros(len(lengths))
        return Rate(np.concatenate(([0.0], np.cumsum(lengths))), nothing, nothing)
    assert traffic.trace is not None
    assert loaded.trace is not None
    rps = (
        np.array([count for _, count in loaded.trace])
        / traffic.trace.interval
        * traffic.trace.speed
        * traffic.trace.scale
    )
    if traffic.trace.scale_to_peak_rps is not None:
        rps = rps * (traffic.trace.scale_to_peak_rps / rps.max())
    edges = np.arange(len(rps) + 1, dtype=np.float64) * (traffic.trace.interval / traffic.trace.speed)
    return Rate(edges, rps, rps)


def phase_spans(loaded: LoadedScenario) -> tuple[PhaseSpan, ...]:
    """The phases on the schedule's clock. A trace without named ones is one phase."""
    traffic, rate = loaded.scenario.traffic, rate_of(loaded)
    end_s = float(rate.edge_s[-1])
    if traffic.phases is not None:
        named = [(p.name, p.surge) for p in traffic.phases]
        edges = [float(edge) for edge in rate.edge_s]
    elif traffic.locustfile is not None:
        named = [(p.name, p.surge) for p in traffic.locustfile.phases]
        edges = [float(edge) for edge in rate.edge_s]
    elif traffic.log is not None:
        named = [(p.name, p.surge) for p in traffic.log.phases] or [("log", True)]
        edges = [*([p.at / traffic.log.speed for p in traffic.log.phases] or [0.0]), end_s]
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


def save_schedule(schedule: Schedule, path: Path | BinaryIO) -> None:
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


def load_schedule(path: Path | BinaryIO) -> Schedule:
    """Read what `save_schedule` wrote."""
    with np.load(path) as file:
        phases = tuple(
            PhaseSpan(str(name), float(start), float(end), bool(surge))
            for name, (start, end, surge) in zip(file["names"], file["bounds"], strict=True)
        )
        return Schedule(
            file["intended_s"], file["request"], file["key"], file["client"], phases, float(file["duration_s"])
        )

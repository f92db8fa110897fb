"""The schedule: exact in its integral, split by cause."""

from __future__ import annotations

import dataclasses
import itertools
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from scenarios.load import LoadedScenario, load_scenario
from scenarios.schema import Request, Traffic
from scenarios.traffic import (
    Block,
    PhaseSpan,
    at_constant_rate,
    build_schedule,
    load_schedule,
    phase_spans,
    rate_of,
    save_schedule,
    schedule_blocks,
    schedule_frame,
)

LIBRARY = Path(__file__).parents[2] / "scenarios"
QUICK = load_scenario(LIBRARY / "quick")
MATCH_DAY = load_scenario(LIBRARY / "match-day")

Floats = NDArray[np.float64]
rates = st.floats(0, 500) | st.just(0.0)
pieces = st.lists(st.tuples(st.floats(0.01, 60), rates, rates), min_size=1, max_size=6)


def scenario_with(**traffic: Any) -> LoadedScenario:
    """quick with another load."""
    content = {"requests": [{"host": "tv.example", "path": "/live"}], **traffic}
    changed = QUICK.scenario.model_copy(update={"traffic": Traffic.model_validate(content)})
    return dataclasses.replace(QUICK, scenario=changed)


def phases(*of: tuple[str, Any]) -> list[dict[str, Any]]:
    return [{"name": f"p{n}", "duration": length, "rps": rps} for n, (length, rps) in enumerate(of)]


def test_nothing_arrives_while_the_rate_is_zero() -> None:
    loaded = scenario_with(phases=phases(("10s", 50), ("30s", 0), ("10s", 50)))
    times = build_schedule(loaded, 3).intended_s
    assert not np.any((times >= 10) & (times < 40))
    assert np.any(times < 10)
    assert np.any(times > 40)


@given(pieces, st.sampled_from(["poisson", "even", {"bursty": {"burst": 3}}]), st.integers(0, 2**32 - 1))
def test_arrivals_ascend_within_the_schedule_and_their_phases(
    of: list[tuple[float, float, float]], arrivals: Any, seed: int
) -> None:
    loaded = scenario_with(arrivals=arrivals, phases=phases(*((f"{a:.3f}s", [b, c]) for a, b, c in of if a >= 0.01)))
    schedule = build_schedule(loaded, seed)
    assert np.all(np.diff(schedule.intended_s) >= 0)
    assert np.all((schedule.intended_s >= 0) & (schedule.intended_s < schedule.duration_s))
    inside = [np.sum((schedule.intended_s >= p.start_s) & (schedule.intended_s < p.end_s)) for p in schedule.phases]
    assert sum(inside) == len(schedule.intended_s)
    bent = rate_of(loaded)
    for span, count in zip(schedule.phases, inside, strict=True):
        before, after = bent.count(np.array([span.start_s, span.end_s]))
        if arrivals == "even":
            assert abs(count - (after - before)) <= 1 + 1e-6
        elif after - before == 0:
            assert count == 0


@pytest.mark.parametrize(
    ("duration", "rps", "n"), [("10s", 12, 120), ("1s", 2.5, 2), ("1s", 3.5, 3), ("5s", [0, 10], 25)]
)
def test_even_arrivals_stand_in_the_middle_of_their_share(duration: str, rps: Any, n: int) -> None:
    loaded = scenario_with(arrivals="even", phases=phases((duration, rps)))
    times = build_schedule(loaded, 1).intended_s
    assert len(times) == n
    np.testing.assert_allclose(rate_of(loaded).count(times), np.arange(n) + 0.5, rtol=1e-9)


def test_poisson_counts_have_the_mean_and_the_variance_of_the_integral() -> None:
    loaded = scenario_with(phases=phases(("4s", [10, 40])))
    counts = np.array([len(build_schedule(loaded, seed).intended_s) for seed in range(600)])
    assert counts.mean() == pytest.approx(100, abs=4 * 10 / np.sqrt(600))
    assert counts.var() == pytest.approx(100, rel=0.25)


def test_poisson_gaps_on_the_integrated_clock_are_exponential() -> None:
    loaded = scenario_with(phases=phases(("60s", [5, 200]), ("60s", 100), ("60s", [200, 0])))
    gaps = np.diff(rate_of(loaded).count(build_schedule(loaded, 1998).intended_s))
    assert stats.kstest(gaps, "expon").pvalue > 0.01


def test_bursts_keep_the_mean_rate_and_share_an_instant() -> None:
    loaded = scenario_with(arrivals={"bursty": {"burst": 5}}, phases=phases(("1000s", 100)))
    times = build_schedule(loaded, 1).intended_s
    instants, sizes = np.unique(times, return_counts=True)
    assert len(times) == pytest.approx(100_000, rel=0.03)
    assert sizes.mean() == pytest.approx(5, rel=0.03)
    assert len(instants) == pytest.approx(20_000, rel=0.03)


def test_the_request_mix_moves_no_arrival() -> None:
    one = scenario_with(phases=phases(("30s", 60)))
    kinds = [Request(host="tv.example", path="/live"), Request(host="tv.example", path="/u/{key}", keys=9, weight=3)]
    other = scenario_with(
        phases=phases(("30s", 60)), requests=[k.model_dump(exclude={"timeout", "backoff"}) for k in kinds]
    )
    np.testing.assert_array_equal(build_schedule(one, 5).intended_s, build_schedule(other, 5).intended_s)
    np.testing.assert_array_equal(build_schedule(one, 5).client, build_schedule(other, 5).client)


def test_more_clients_move_no_arrival_and_no_kind_of_request() -> None:
    one, other = scenario_with(phases=phases(("30s", 60))), scenario_with(phases=phases(("30s", 60)), clients=50)
    few, many = build_schedule(one, 5), build_schedule(other, 5)
    np.testing.assert_array_equal(few.intended_s, many.intended_s)
    np.testing.assert_array_equal(few.request, many.request)
    assert few.client.max() == 0
    assert set(many.client.tolist()) == set(range(50))


def test_a_longer_last_phase_only_adds_arrivals() -> None:
    short = build_schedule(scenario_with(phases=phases(("10s", 60), ("10s", 20))), 5)
    long = build_schedule(scenario_with(phases=phases(("10s", 60), ("50s", 20))), 5)
    np.testing.assert_allclose(long.intended_s[: len(short.intended_s)], short.intended_s)


def test_requests_are_mixed_by_weight_and_keys_are_uniform() -> None:
    requests = [
        {"host": "tv.example", "path": "/a", "weight": 3},
        {"host": "tv.example", "path": "/u/{key}", "weight": 1, "keys": 4},
    ]
    schedule = build_schedule(scenario_with(phases=phases(("100s", 400)), requests=requests), 2)
    assert float(np.mean(schedule.request == 1)) == pytest.approx(0.25, abs=0.01)
    keys = schedule.key[schedule.request == 1]
    assert stats.chisquare(np.bincount(keys, minlength=4)).pvalue > 0.001
    assert set(schedule.key[schedule.request == 0].tolist()) == {0}


def test_a_schedule_is_a_function_of_scenario_and_seed() -> None:
    np.testing.assert_array_equal(build_schedule(QUICK, 1).intended_s, build_schedule(QUICK, 1).intended_s)
    assert len(build_schedule(QUICK, 1).intended_s) != len(build_schedule(QUICK, 2).intended_s)


def test_a_trace_is_scaled_to_its_peak_and_played_faster() -> None:
    bent = rate_of(MATCH_DAY)
    assert bent.peak(0, 360) == pytest.approx(200)
    assert float(bent.edge_s[-1]) == 360.0
    assert MATCH_DAY.trace is not None
    counts = np.array([count for _, count in MATCH_DAY.trace])
    np.testing.assert_allclose(bent.from_rps, counts / counts.max() * 200)


def test_a_trace_that_is_not_scaled_keeps_its_number_of_requests() -> None:
    loaded = dataclasses.replace(
        scenario_with(trace={"file": "t.csv", "speed": 60}), trace=(("00:00", 90.0), ("00:01", 30.0))
    )
    bent = rate_of(loaded)
    assert bent.from_rps.tolist() == [90.0, 30.0]
    assert float(bent.expected()[-1]) == 120.0
    assert phase_spans(loaded) == (PhaseSpan("trace", 0.0, 2.0, surge=True),)


def test_phases_of_a_trace_end_where_the_next_begins() -> None:
    spans = phase_spans(MATCH_DAY)
    assert [span.name for span in spans][:3] == ["before", "first half", "half-time"]
    assert [span.start_s for span in spans][:3] == [0.0, 45.0, 117.0]
    assert all(one.end_s == other.start_s for one, other in itertools.pairwise(spans))
    assert spans[-1].end_s == 360.0


def test_a_surge_is_what_reaches_half_of_the_highest_rate_unless_said_otherwise() -> None:
    content = phases(("10s", 12), ("5s", [12, 240]), ("10s", 240), ("5s", [119, 20]), ("5s", [120, 20]))
    marked = [phase.surge for phase in phase_spans(scenario_with(phases=content))]
    assert marked == [False, True, True, False, True]
    content[0]["surge"], content[2]["surge"] = True, False
    marked = [phase.surge for phase in phase_spans(scenario_with(phases=content))]
    assert marked == [True, True, False, False, True]


def test_a_saved_schedule_is_read_back_as_it_was(tmp_path: Path) -> None:
    schedule = build_schedule(MATCH_DAY, 4)
    save_schedule(schedule, tmp_path / "schedule.npz")
    again = load_schedule(tmp_path / "schedule.npz")
    for name in ("intended_s", "request", "key", "client"):
        before, after = getattr(schedule, name), getattr(again, name)
        np.testing.assert_array_equal(before, after)
        assert before.dtype == after.dtype
    assert (again.phases, again.duration_s) == (schedule.phases, schedule.duration_s)


KINDS = [
    {"host": "tv.example", "path": "/a", "weight": 3},
    {"host": "tv.example", "path": "/u/{key}", "weight": 1, "keys": 4},
]
COLUMNS = ("intended_s", "request", "key", "client")


def bytes_of(blocks: list[Block]) -> list[bytes]:
    """The blocks as one, column by column."""
    return [b"".join(getattr(block, name).tobytes() for block in blocks) for name in COLUMNS]


@settings(deadline=None)
@given(
    pieces,
    st.sampled_from(["poisson", "even", {"bursty": {"burst": 3}}, {"bursty": {"burst": 900}}]),
    st.integers(0, 2**32 - 1),
    st.integers(1, 3000),
    st.sampled_from([1, 7]),
    st.sampled_from([KINDS[:1], KINDS]),
)
def test_the_size_of_blocks_changes_no_byte(
    of: list[tuple[float, float, float]], arrivals: Any, seed: int, size: int, clients: int, requests: Any
) -> None:
    content = phases(*((f"{a:.3f}s", [b / 10, c / 10]) for a, b, c in of))
    loaded = scenario_with(arrivals=arrivals, phases=content, clients=clients, requests=requests)
    blocks = list(schedule_blocks(loaded, seed, size))
    whole = build_schedule(loaded, seed)
    assert bytes_of(blocks) == bytes_of([whole])
    assert all(0 < len(block.intended_s) <= size for block in blocks)
    assert all(getattr(block, name).dtype == getattr(whole, name).dtype for block in blocks for name in COLUMNS)


def test_memory_does_not_grow_with_the_number_of_requests() -> None:
    def peak(rps: float) -> int:
        loaded = scenario_with(phases=phases(("1000s", rps)), requests=KINDS, clients=9)
        tracemalloc.start()
        n = sum(len(block.intended_s) for block in schedule_blocks(loaded, 1, 1 << 14))
        assert n == pytest.approx(1000 * rps, rel=0.05)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(2000) < 1.2 * peak(200)


def test_a_schedule_of_no_request_is_empty_and_has_its_length() -> None:
    schedule = build_schedule(scenario_with(phases=phases(("30s", 0))), 1)
    assert [len(getattr(schedule, name)) for name in COLUMNS] == [0, 0, 0, 0]
    assert schedule.duration_s == 30.0


@pytest.mark.parametrize("loaded", [QUICK, MATCH_DAY])
def test_the_frame_is_that_of_the_schedule(loaded: LoadedScenario) -> None:
    schedule, frame = build_schedule(loaded, 1), schedule_frame(loaded)
    assert (frame.phases, frame.duration_s) == (schedule.phases, schedule.duration_s)


def test_a_kind_without_keys_and_a_single_client_are_zero() -> None:
    schedule = build_schedule(scenario_with(phases=phases(("30s", 60)), requests=KINDS[:1]), 1)
    assert not schedule.request.any()
    assert not schedule.key.any()
    assert not schedule.client.any()


def test_paths_that_a_trace_counts_apart_are_sent_in_its_proportions_interval_by_interval() -> None:
    requests = [{"host": "tv.example", "path": path} for path in ("/live", "/login", "/score")]
    loaded = scenario_with(trace={"file": "t.csv", "interval": "10s"}, requests=requests)
    kinds = np.array([[900.0, 100.0, 0.0], [0.0, 0.0, 300.0], [400.0, 0.0, 400.0]])
    loaded = dataclasses.replace(
        loaded, trace=tuple((str(row), float(counts.sum())) for row, counts in enumerate(kinds)), trace_kinds=kinds
    )
    schedule = build_schedule(loaded, 1)
    for row, counts in enumerate(kinds):
        inside = (schedule.intended_s >= 10 * row) & (schedule.intended_s < 10 * (row + 1))
        sent = np.bincount(schedule.request[inside], minlength=3)
        assert sent[counts == 0].sum() == 0
        expected = counts * sent.sum() / counts.sum()
        assert np.abs(sent - expected).max() < 4 * expected.max() ** 0.5
        assert sent.sum() == pytest.approx(counts.sum(), abs=5 * counts.sum() ** 0.5)
    assert build_schedule(loaded, 1).request.tolist() == schedule.request.tolist()


def test_scale_and_speed_of_a_trace_multiply_its_rate() -> None:
    requests = [{"host": "tv.example", "path": "/live"}]
    loaded = scenario_with(trace={"file": "t.csv", "interval": "10s", "speed": 2, "scale": 0.5}, requests=requests)
    rate = rate_of(dataclasses.replace(loaded, trace=(("a", 100.0), ("b", 300.0))))
    assert rate.edge_s.tolist() == [0.0, 5.0, 10.0]
    assert rate.peak(0.0, 5.0) == 10.0
    assert rate.peak(5.0, 10.0) == 30.0


def test_at_a_constant_rate_the_mix_has_its_weights_again() -> None:
    requests = [{"host": "tv.example", "path": "/live", "weight": 3}, {"host": "tv.example", "path": "/login"}]
    loaded = scenario_with(trace={"file": "t.csv"}, requests=requests)
    loaded = dataclasses.replace(loaded, trace=(("0", 600.0),), trace_kinds=np.array([[600.0, 0.0]]))
    schedule = build_schedule(at_constant_rate(loaded, "low", 100.0, 20.0), 1)
    assert np.bincount(schedule.request) / len(schedule.request) == pytest.approx([0.75, 0.25], abs=0.05)
    assert schedule.duration_s == 20.0

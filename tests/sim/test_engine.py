"""The compiled kernel against the plain SimPy model: the same fate for every single request."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.figures import FATES
from sim.controlplane import control
from sim.engine import Replication
from sim.reference import simulate
from sim.streams import Streams
from tests.sim.random_worlds import ALGORITHMS, EVENTS, Scripted, World, world

if TYPE_CHECKING:
    from sim.tally import Tally
    from sim.trace import Trace
    from tests.sim.conftest import World as ByHand

ALL_FEATURES = {
    *ALGORITHMS, *EVENTS, "workers", "shared-cpu", "source True", "source False", "uri True", "uri False",
    "pod_maxconn", "pod_minconn", "pod_maxqueue", "slowstart_s", "rate_limit", "deny", "balance factor", "sequence",
    "parallel", "retries", "key", "cancels", "users", "new connections", "proxies", "weights",
}  # fmt: skip
EXAMPLES = 300


def both(one: World) -> tuple[Trace, Tally, Scripted, Scripted]:
    plain, compiled = Scripted(one.script), Scripted(one.script)
    with patch.object(control, "start", plain.start):
        trace = simulate(one.scenario, one.cluster, one.schedule, one.behaviour, Streams(one.seed, 0))
    with patch.object(control, "start", compiled.start):
        schedule = one.schedule
        replication = Replication(
            one.scenario, one.cluster, schedule.phases, schedule.duration_s, one.behaviour, Streams(one.seed, 0)
        )
        tally = replication.run([schedule], tracing=True)
    return trace, tally, plain, compiled


def area(steps: list[tuple[float, int]], edges: list[float]) -> list[float]:
    """Request-seconds between neighbouring edges, from (time, 1 or -1)."""
    times = np.array([time_s for time_s, _ in steps])
    signs = np.array([step for _, step in steps], dtype=np.float64)
    until = [float((signs * np.clip(edge - times, 0.0, None)).sum()) for edge in edges]
    return [later - earlier for earlier, later in pairwise(until)]


def test_every_request_has_the_same_fate_on_300_random_scenarios_with_every_feature_on_somewhere() -> None:
    features: set[str] = set()
    fates: set[str] = set()

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
    @given(st.integers(0, 2**32))
    def same_fate(number: int) -> None:
        one = world(Random(number))
        trace, tally, plain, compiled = both(one)
        records = tally.records[np.lexsort((tally.records["who"], tally.records["intended_s"]))]
        expected = trace.in_order()
        assert len(records) == len(expected)
        for wanted, found in zip(expected, records, strict=True):
            pod = tally.pods[found["pod"]] if found["pod"] >= 0 else ""
            got = (int(found["who"]), int(found["kind"]), FATES[found["fate"]], int(found["attempts"]), pod)
            assert got == (wanted.who, wanted.kind, wanted.fate, wanted.attempts, wanted.pod)
            assert found["end_s"] == pytest.approx(wanted.end_s, rel=1e-9)
        assert compiled.seen == plain.seen
        series = tally.future().series
        # the last bucket reaches beyond the end of the run, where the two count on differently
        for steps, found_mean in ((trace.waited, series.queued), (trace.served, series.in_flight)):
            means = [value / series.bucket_s for value in area(steps, list(series.time_s))]
            assert found_mean[:-1] == pytest.approx(means, abs=1e-6)
        features.update(one.features())
        fates.update(record.fate for record in expected)

    same_fate()
    assert features >= ALL_FEATURES
    assert fates == set(FATES) - {"aborted"}


def test_the_same_input_gives_the_same_figures_to_the_last_bit(world: type[ByHand]) -> None:
    shop = world(pods=3, maxconn=2, workers=2, request={"timeout": "4s", "retries": 2})
    times = np.cumsum(np.random.default_rng(1).exponential(0.25, 2000))
    assert shop.compiled(times).future() == shop.compiled(times).future()
    assert shop.compiled(times).future() != shop.compiled(times, seed=2).future()


def test_a_schedule_in_blocks_is_the_schedule(world: type[ByHand]) -> None:
    shop = world(pods=3, maxconn=2)
    whole = shop.schedule(np.cumsum(np.random.default_rng(1).exponential(0.4, 500)))
    tallies = []
    for cuts in ([0, 500], [0, 1, 2, 130, 499, 500]):
        blocks = [
            type(whole)(
                whole.intended_s[a:b],
                whole.request[a:b],
                whole.key[a:b],
                whole.client[a:b],
                whole.phases,
                whole.duration_s,
            )
            for a, b in pairwise(cuts)
        ]
        tallies.append(shop.replication(whole).run(blocks).future())
    assert tallies[0] == tallies[1]


def test_an_endless_overload_with_a_million_waiting_ends(world: type[ByHand]) -> None:
    shop = world(pods=1, maxconn=1, time={"constant": "1s"}, request={"timeout": "30s"})
    total = shop.compiled(np.arange(300_000) / 10_000.0).future().total
    assert total.failures.client_timeout == pytest.approx(1 - 30 / 300_000, abs=1e-4)


def test_no_pods_and_no_requests_are_futures_too(world: type[ByHand]) -> None:
    assert world(pods=0).compiled(np.arange(10.0)).future().total.failures.no_server == 1.0
    assert world().compiled([], until_s=30.0).future().total.success_ratio is None

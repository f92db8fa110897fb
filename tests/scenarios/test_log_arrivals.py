"""A log replayed: its own moments, thinned or multiplied by a seeded draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

from scenarios.access_log import AccessLog
from scenarios.errors import ScenarioError
from scenarios.load import load_scenario
from scenarios.log_arrivals import log_arrivals, log_duration_s, log_rate
from scenarios.schema import Log
from scenarios.traffic import at_constant_rate, build_schedule, phase_spans, rate_of, schedule_blocks

if TYPE_CHECKING:
    from tests.scenarios.conftest import Copy


def log(**keys: Any) -> Log:
    return Log.model_validate({"file": "a.log", **keys})


def made(times_s: list[float], *, whole: bool = False) -> AccessLog:
    kinds = np.arange(len(times_s), dtype=np.int32) % 3
    return AccessLog(np.array(times_s), kinds, whole, (0, ""))


def draw(how: Log, read: AccessLog, seed: int = 1) -> tuple[list[float], list[int]]:
    times_s, kinds = log_arrivals(how, read, np.random.default_rng(seed))
    return times_s.tolist(), kinds.tolist()


def test_fine_times_are_replayed_to_the_last_bit() -> None:
    assert draw(log(), made([0.0, 0.1, 0.1, 7.3])) == ([0.0, 0.1, 0.1, 7.3], [0, 1, 2, 0])


def test_speed_shortens_every_gap_alike() -> None:
    assert draw(log(speed=4.0), made([0.0, 1.0, 8.0]))[0] == [0.0, 0.25, 2.0]
    assert log_duration_s(log(speed=4.0), made([0.0, 1.0, 8.0])) == 2.25


def test_whole_seconds_are_spread_within_their_second_and_no_further() -> None:
    times_s, _ = draw(log(), made([0.0] * 300 + [5.0] * 300, whole=True))
    first, second = np.array(times_s[:300]), np.array(times_s[300:])
    for part, at in ((first, 0.0), (second, 5.0)):
        assert ((part >= at) & (part < at + 1)).all()
        assert np.histogram(part, 4, (at, at + 1))[0].min() > 40


def test_a_scale_below_one_thins_and_keeps_the_moments_of_the_rest() -> None:
    read = made(np.arange(0, 100, 0.013).tolist())
    times_s, _ = draw(log(scale=0.1), read)
    assert len(times_s) == pytest.approx(0.1 * len(read.time_s), rel=0.2)
    assert set(times_s) <= set(read.time_s.tolist())


def test_a_scale_above_one_keeps_each_request_and_puts_its_copies_close_by() -> None:
    read = made(np.arange(0.005, 50, 0.1).tolist())
    times_s, kinds = draw(log(scale=2.5), read)
    assert len(times_s) == pytest.approx(2.5 * len(read.time_s), rel=0.05)
    assert set(read.time_s.tolist()) <= set(times_s)
    assert times_s == sorted(times_s)
    assert np.bincount(kinds).min() > 0.3 * len(times_s)


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_the_rate_that_is_told_adds_up_to_the_requests_and_ends_where_the_replay_does(scale: float) -> None:
    read, how = made(np.linspace(0, 2000, 5001).tolist()), log(scale=scale, speed=10.0)
    rate = log_rate(how, read)
    assert float(rate.expected()[-1]) == pytest.approx(5001 * scale)
    assert float(rate.edge_s[-1]) == pytest.approx(log_duration_s(how, read))


@pytest.fixture
def replay(quick: Copy) -> Any:
    """The quick scenario with a log instead of its phases."""

    def scenario(text: str, **keys: Any) -> Any:
        (quick.directory / "access.csv").write_text(text)
        document = yaml.safe_load((quick.directory / "scenario.yaml").read_text())
        del document["traffic"]["phases"]
        document["traffic"]["log"] = {"file": "access.csv", **keys}
        (quick.directory / "scenario.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
        return load_scenario(quick.directory)

    return scenario


CSV = "time,path\n" + "".join(f"{i * 0.01:.2f},/live\n" for i in range(3000))


def test_schedule_and_blocks_are_the_log(replay: Any) -> None:
    loaded = replay(CSV, phases=[{"name": "before", "at": 0}, {"name": "goal", "at": "20s", "surge": True}])
    schedule = build_schedule(loaded, 1)
    assert schedule.intended_s == pytest.approx(np.arange(3000) * 0.01)
    assert (
        np.concatenate([b.intended_s for b in schedule_blocks(loaded, 1, size=700)]).tolist()
        == schedule.intended_s.tolist()
    )
    assert [(p.name, p.start_s, p.end_s, p.surge) for p in phase_spans(loaded)] == [
        ("before", 0.0, 20.0, True),
        ("goal", 20.0, 30.0, True),
    ]
    assert rate_of(loaded).expected()[-1] == pytest.approx(3000)


def test_the_same_seed_thins_alike_and_another_one_does_not(replay: Any) -> None:
    loaded = replay(CSV, scale=0.5)
    first, again, other = (build_schedule(loaded, seed).intended_s.tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_what_is_left_out_is_a_warning(replay: Any) -> None:
    warnings = replay(CSV + "31,/admin\n").warnings
    assert any("1 of 3001 lines are left out: no request of the mix is /admin (line 3002)" in w for w in warnings)


@pytest.mark.parametrize(
    ("phases", "said"),
    [
        ([{"name": "a", "at": "1s"}], "traffic.log.phases[0].at: 1s: 0s for the first phase"),
        (
            [{"name": "a", "at": 0}, {"name": "b", "at": "40s"}],
            "traffic.log.phases[1].at: 40s: after the phase before it",
        ),
        ([{"name": "a", "at": 0}, {"name": "a", "at": "4s"}], "traffic.log.phases[1].name: a: a name that no phase"),
    ],
)
def test_phases_lie_within_the_log_one_after_the_other(replay: Any, phases: Any, said: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        replay(CSV, phases=phases)
    assert said in str(raised.value)


def test_a_log_that_is_not_there_is_a_mistake(quick: Copy) -> None:
    text = (quick.directory / "scenario.yaml").read_text()
    before, _, rest = text.partition("  phases:")
    (quick.directory / "scenario.yaml").write_text(
        f"{before}  log: {{file: no.log}}\n  requests:{rest.partition('  requests:')[2]}"
    )
    with pytest.raises(ScenarioError, match=r"traffic\.log\.file: no\.log: an access log that exists"):
        quick.load()


def test_at_a_constant_rate_nothing_of_the_log_is_left(replay: Any) -> None:
    quiet = at_constant_rate(replay(CSV), "low", 50.0, 20.0)
    schedule = build_schedule(quiet, 1)
    assert [(p.name, p.end_s) for p in schedule.phases] == [("low", 20.0)]
    assert len(schedule.intended_s) == pytest.approx(1000, abs=160)
    assert schedule.intended_s.max() < 20

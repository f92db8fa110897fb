"""What a request costs a stand-in pod."""

import random
import statistics

import pytest

from matchday.standin.behaviour import Paths, draw_s, lognormal_s


def workload(*paths: str, cpu: float = 0.0) -> dict[str, object]:
    return {"paths": {path: {"time": {"constant": 0.05}, "cpu": cpu, "bytes": len(path)} for path in paths}}


@pytest.mark.parametrize(
    ("time", "cv"),
    [
        ({"lognormal": {"mean": 0.06, "cv": 0.5}}, 0.5),
        ({"exponential": {"mean": 0.06}}, 1.0),
        ({"constant": 0.06}, 0.0),
    ],
    ids=["lognormal", "exponential", "constant"],
)
def test_service_times_have_their_mean_and_spread(time: dict[str, object], cv: float) -> None:
    chance = random.Random(1)
    drawn = [draw_s(time, chance) for _ in range(20_000)]
    assert statistics.fmean(drawn) == pytest.approx(0.06, rel=0.03)
    assert statistics.pstdev(drawn) / 0.06 == pytest.approx(cv, abs=0.05)


def test_a_spread_of_zero_is_a_constant() -> None:
    assert lognormal_s(2.5, 0.0, random.Random(1)) == pytest.approx(2.5)


def test_a_request_takes_at_least_its_cpu() -> None:
    work = Paths(workload("/", cpu=0.2)).find("/")
    assert work is not None
    assert work.draw_s(random.Random(1)) == 0.2


@pytest.mark.parametrize(
    ("target", "length"),
    [("/live", 5), ("/live?x=1", 5), ("/item/42", 11), ("/q?id=7", 11), ("/item/4/2", None), ("/other", None)],
)
def test_paths_match_with_their_key_filled_in(target: str, length: int | None) -> None:
    work = Paths(workload("/live", "/item/{key}", "/q?id={key}")).find(target)
    assert (None if work is None else len(work.body)) == length

import json
from pathlib import Path

import pytest

from matchday.commands import predict
from scenarios.outcome import Interval, Outcome

QUICK = Path(__file__).parents[3] / "scenarios" / "quick"


def run(*, seed: int | None = None, as_json: bool = True) -> int:
    return predict.run(QUICK, seed=seed, replications=2, calibration=None, as_json=as_json)


def test_same_seed_same_bytes_but_for_the_moment(capsys: pytest.CaptureFixture[str]) -> None:
    run(seed=3)
    first = json.loads(capsys.readouterr().out)
    run(seed=3)
    second = json.loads(capsys.readouterr().out)
    first.pop("created_at")
    second.pop("created_at")
    assert json.dumps(first) == json.dumps(second)


def test_every_figure_of_a_prediction_has_its_interval(capsys: pytest.CaptureFixture[str]) -> None:
    run()
    outcome = Outcome.model_validate_json(capsys.readouterr().out)
    assert isinstance(outcome.total.latency_s.p99, Interval)
    assert outcome.total.latency_s.p99.low <= outcome.total.latency_s.p99.value <= outcome.total.latency_s.p99.high


def test_a_surge_that_will_not_hold_is_exit_code_1_and_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(as_json=False) == 1
    out = capsys.readouterr().out
    assert "surge" in out
    assert "The SLO holds in 0% of them." in out

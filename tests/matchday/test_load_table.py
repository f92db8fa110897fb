import numpy as np
import pytest
from rich.console import Console

from loadgen.records import Recorder, rows_of
from matchday.load_outcome import Measured
from matchday.load_table import failing_phases, failures, milliseconds, phases_table
from scenarios.figures import FATES, Requests, phase_outcome
from scenarios.outcome import Outcome, Series, SloOutcome
from scenarios.traffic import PhaseSpan, Schedule

SPAN = PhaseSpan("match", 0.0, 10.0, surge=True)


def measured() -> Measured:
    """Ten requests, one a second; sent 20 ms late, answered 30 ms after the send; two of them failed."""
    recorder, times = Recorder(), np.arange(10.0)
    for index, intended_s in enumerate(times.tolist()):
        status = 503 if index < 2 else 200
        recorder.add(index, 0, 0, intended_s, intended_s + 0.02, intended_s + 0.05, status, "", final=True, size=1)
    fate = np.array([FATES.index("server_error" if index < 2 else "ok") for index in range(10)], dtype=np.int8)
    total = phase_outcome(Requests(times, np.full(10, 0.05), fate), SPAN)
    empty = Series(
        bucket_s=1.0, time_s=(), offered_rps=(), goodput_rps=(), p50_s=(), p95_s=(), p99_s=(), queued=(), in_flight=()
    )
    outcome = Outcome(
        kind="measured",
        scenario="x",
        scenario_sha256="0",
        seed=1,
        replications=1,
        created_at="",
        matchday_version="0",
        total=total.model_copy(update={"name": "total"}),
        phases=(total,),
        series=empty,
        replicas=(),
        recovery_s=None,
        slo=SloOutcome(p99_s=0.05, success_ratio=0.8, met=False),
    )
    kinds = np.zeros(10, dtype=np.int32)
    schedule = Schedule(times, kinds, kinds.astype(np.int64), kinds, (SPAN,), 10.0)
    return Measured(outcome, rows_of(recorder.take()), schedule, ("/live",), ())


def printed(planned: list[str] | None) -> list[str]:
    console = Console(width=200, record=True, quiet=False, file=None)
    with console.capture() as capture:
        console.print(phases_table(measured(), planned))
    return capture.get().splitlines()


def test_a_schedule_has_two_latencies_a_phase() -> None:
    head, intended, send, total, _ = printed(None)
    assert head.split()[:4] == ["phase", "planned", "sent", "good"]
    assert intended.split()[:5] == ["match", "1.0", "1.0", "0.8", "intended"]
    assert intended.split()[5] == "50.0"
    assert send.split()[:2] == ["send", "30.0"]
    assert total.startswith("total")


def test_users_have_one_latency_a_phase() -> None:
    head, match, total = printed(["2 to 40"])
    assert head.split()[1] == "users"
    assert match.split()[:7] == ["match", "2", "to", "40", "1.0", "0.8", "send"]
    assert total.split()[:4] == ["total", "1.0", "0.8", "send"]


def test_a_phase_with_failures_is_told_with_their_kinds() -> None:
    assert failing_phases(measured()) == ["match: 20.00% server error"]


def test_a_phase_without_failures_says_nothing() -> None:
    ok = phase_outcome(Requests(np.zeros(1), np.ones(1), np.zeros(1, dtype=np.int8)), SPAN)
    assert not failures(ok)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "-"), (0.00123, "1.23 ms"), (0.0456, "45.6 ms"), (0.789, "789 ms"), (12.0, "12,000 ms")],
)
def test_milliseconds_have_three_digits(seconds: float | None, said: str) -> None:
    assert milliseconds(seconds) == said

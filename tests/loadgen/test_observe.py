"""From records and log lines to a measured outcome."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from balancer.haproxy.log import LogLine, parse
from loadgen.observe import Observation, fate_of, final_attempts, histogram_latency, observe, stays
from loadgen.records import Attempt
from scenarios.figures import latency_of
from scenarios.load import LoadedScenario
from scenarios.outcome import Validity
from scenarios.traffic import Schedule

EPOCH = 1_700_000_000.0


def line(**changes: object) -> LogLine:
    """A request accepted 1 s into the schedule that waited 200 ms and was served in 100 ms."""
    text = (
        "at=1700000001.000 Th=0 Ti=0 id=0-0 fe=http be=live srv=live-1 TR=0 Tw=200 Tc=0 Tr=90 Ta=300 status=200"
        " bytes=12400 end=-- actconn=1 feconn=1 beconn=1 srv_conn=1 retries=0 srv_queue=0 backend_queue=3 refused=-"
        ' client=127.0.1.1 method=GET host="tv.example" path="/live"'
    )
    parsed = parse(text)
    assert parsed is not None
    return replace(parsed, **changes)  # type: ignore[arg-type]  # each test names real fields


def attempt(
    index: int, number: int = 0, *, status: int = 200, error: str = "", took_s: float = 0.1, final: bool = True
) -> Attempt:
    return Attempt(index, number, 0, index * 1.0, index * 1.0, index * 1.0 + took_s, status, error, final, 12288)


@pytest.fixture
def observation(loaded: LoadedScenario, schedule_at: Callable[..., Schedule]) -> Observation:
    return Observation(
        loaded=loaded,
        schedule=schedule_at([0.0, 1.0, 2.0, 3.0]),
        attempts=[attempt(i) for i in range(4)],
        log={},
        epoch_unix_s=EPOCH,
        ended_s=None,
        replicas=(),
        validity=Validity(verdict="valid", planned=4, sent=4, machine_cores=2),
        seed=1,
        calibration_sha256="c",
        created_at="2026-01-01T00:00:00+00:00",
    )


@pytest.mark.parametrize(
    ("seen", "logged", "fate"),
    [
        ({}, None, "ok"),
        ({"status": 0, "error": "timeout"}, {"termination": "CD", "status": -1}, "client_timeout"),
        ({"status": 503}, {"termination": "sQ", "server": None, "tw_ms": 3000}, "queue_timeout"),
        ({"status": 503}, {"termination": "SC", "status": 503, "server": None}, "no_server"),
        (
            {"status": 429},
            {"termination": "PR", "status": 429, "refused": "rate_limited", "server": None},
            "rate_limited",
        ),
        ({"status": 502}, {"termination": "SH", "status": 502}, "server_error"),
        ({"status": 500}, {"status": 500}, "server_error"),
        ({"status": 500}, None, "server_error"),
        ({"status": 200, "error": "check"}, {"status": 200}, "server_error"),
        ({"status": 0, "error": "connect"}, None, "connect"),
        ({"status": 0, "error": "reset"}, None, "aborted"),
    ],
)
def test_the_client_knows_of_time_outs_and_checks_and_the_proxy_of_the_rest(
    seen: dict[str, object], logged: dict[str, object] | None, fate: str
) -> None:
    assert fate_of(attempt(0, **seen), None if logged is None else line(**logged)) == fate  # type: ignore[arg-type]  # names of fields


def test_a_request_is_judged_by_its_last_attempt_and_timed_from_its_intended_moment(observation: Observation) -> None:
    repeated = Attempt(1, 1, 0, 1.0, 1.4, 1.7, 200, "", True, 12288)
    outcome = observe(replace(observation, attempts=[repeated, attempt(1, status=503, final=False), attempt(0)]))
    assert outcome.total.success_ratio == 1.0
    assert outcome.total.latency_s.max == pytest.approx(0.7)


def test_a_whole_run_has_all_phases_and_says_whether_the_slo_was_met(observation: Observation) -> None:
    outcome = observe(observation)
    assert (outcome.kind, outcome.replications, outcome.recovery_s) == ("measured", 1, 0.0)
    assert [(phase.name, phase.offered_rps) for phase in outcome.phases] == [
        ("calm", 1.0),
        ("surge", 1.0),
        ("after", 1.0),
    ]
    assert outcome.slo.met is True
    assert outcome.total.latency_s.p99 == pytest.approx(0.1, rel=0.001)


def test_failures_carry_the_proxys_reason(observation: Observation) -> None:
    attempts = [attempt(0), attempt(1, 1, status=503, took_s=3.0), attempt(2), attempt(3)]
    log = {"1-1": line(request_id="1-1", termination="sQ", server=None, tw_ms=3000, status=503)}
    outcome = observe(replace(observation, attempts=attempts, log=log))
    assert outcome.total.failures.queue_timeout == 0.25
    assert outcome.slo.met is False


def test_a_run_cut_short_counts_only_what_ended_and_stops_where_it_was_cut(observation: Observation) -> None:
    to_be_repeated = attempt(1, status=503, final=False)
    cut = replace(observation, attempts=[attempt(0), to_be_repeated], ended_s=1.5)
    assert [final.index for final in final_attempts(cut.attempts)] == [0]
    outcome = observe(cut)
    assert [(phase.name, phase.end_s) for phase in outcome.phases] == [("calm", 1.0), ("surge", 1.5)]
    assert outcome.total.success_ratio == 1.0
    assert outcome.recovery_s is None


def test_a_run_that_never_sent_anything_still_has_an_outcome(observation: Observation) -> None:
    outcome = observe(replace(observation, attempts=[], ended_s=0.0))
    assert outcome.total.success_ratio is None
    assert outcome.phases == ()
    assert outcome.slo.met is False


def test_queue_and_slot_times_come_from_the_proxys_timers() -> None:
    never_left = line(tw_ms=-1, ta_ms=3000, server=None, termination="sQ")
    refused = line(tw_ms=0, ta_ms=0, server=None, refused="denied")
    queued, in_service = stays([line(), never_left, refused], EPOCH)
    assert queued == [pytest.approx((1.0, 1.2)), pytest.approx((1.0, 4.0))]
    assert in_service == [pytest.approx((1.2, 1.3))]


def test_histogram_figures_are_within_a_thousandth_of_the_exact_ones() -> None:
    latencies_s = np.random.default_rng(1).lognormal(-3, 1, 5000)
    histogram, exact = histogram_latency(latencies_s).model_dump(), latency_of(latencies_s).model_dump()
    assert histogram == {name: pytest.approx(value, rel=1e-3) for name, value in exact.items()}


def test_no_success_has_no_figures() -> None:
    assert set(histogram_latency(np.array([])).model_dump().values()) == {None}

"""One sync as a whole: shortcuts, several metrics, errors, memory."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from balancer.policy.hpa import Behavior, HpaSpec, Memory, Metric, PodSample, Sample
from balancer.policy.hpa_decide import decide

CPU = Metric("Resource", "cpu", utilization_percent=60)
QUEUE = Metric("External", "queue", average_milli=100)
NOW = 1000.0


def pods(count: int, usage: int | None) -> tuple[PodSample, ...]:
    return tuple(
        PodSample(
            str(i),
            ready_since_s=0.0,
            started_s=0.0,
            cpu_request_milli=100,
            cpu_usage_milli=usage,
            sample_at_s=NOW,
            window_s=15.0,
        )
        for i in range(count)
    )


def test_the_first_sync_remembers_the_count_it_found() -> None:
    memory = decide(HpaSpec(1, 10, (CPU,)), Memory(), Sample(3, 3, pods(3, 60)), NOW).memory
    assert memory.recommendations[0] == (NOW, 3)


def test_zero_replicas_disable_scaling() -> None:
    decision = decide(HpaSpec(1, 10, (CPU,)), Memory(), Sample(0, 0, ()), NOW)
    assert (decision.desired, decision.error) == (0, None)


def test_a_count_outside_the_bounds_moves_there_at_once_and_is_remembered_as_an_event() -> None:
    spec = HpaSpec(4, 8, (CPU,), Behavior())
    down = decide(spec, Memory(), Sample(20, 20, pods(20, 60)), NOW)
    up = decide(spec, Memory(), Sample(1, 1, pods(1, 60)), NOW)
    assert (down.desired, down.memory.down_events) == (8, ((NOW, 12),))
    assert (up.desired, up.memory.up_events) == (4, ((NOW, 3),))


def test_the_largest_proposal_wins() -> None:
    sample = Sample(3, 3, pods(3, 60), external={"queue": 500})
    decision = decide(HpaSpec(1, 10, (CPU, QUEUE)), Memory(), sample, NOW)
    assert decision.proposals == (("cpu", 3), ("queue", 5))
    assert decision.desired == 5


def test_a_failed_metric_does_not_stop_a_scale_up() -> None:
    sample = Sample(3, 3, pods(3, None), external={"queue": 500})
    assert decide(HpaSpec(1, 10, (CPU, QUEUE)), Memory(), sample, NOW).desired == 5


def test_a_failed_metric_stops_a_scale_down_and_nothing_is_recorded() -> None:
    before = Memory(recommendations=((NOW - 15, 3),))
    sample = Sample(3, 3, pods(3, None), external={"queue": 100})
    decision = decide(HpaSpec(1, 10, (CPU, QUEUE)), before, sample, NOW)
    assert decision.error is not None
    assert (decision.desired, decision.memory) == (3, before)


def test_the_reason_for_holding_is_a_sentence() -> None:
    decision = decide(HpaSpec(1, 10, (CPU,)), Memory(), Sample(4, 4, pods(4, 65)), NOW)
    assert decision.reasons == ("held at 4: cpu ratio 1.08 is inside the tolerance",)


def test_what_limits_is_named() -> None:
    decision = decide(HpaSpec(1, 100, (CPU,)), Memory(), Sample(3, 3, pods(3, 600)), NOW)
    assert decision.desired == 6
    assert decision.limited_by == "the scale-up limit of twice the current count, or 4"


@given(
    st.integers(1, 30),
    st.lists(st.one_of(st.none(), st.integers(0, 500)), max_size=30),
    st.booleans(),
    st.lists(st.tuples(st.floats(0, NOW), st.integers(1, 40)), max_size=6),
)
def test_a_decision_stays_within_the_bounds_and_an_error_changes_nothing(
    replicas: int, usages: list[int | None], behaves: bool, past: list[tuple[float, int]]
) -> None:
    spec = HpaSpec(2, 20, (CPU,), Behavior() if behaves else None)
    seen = tuple(replace(pods(1, usage)[0], name=f"p{i}") for i, usage in enumerate(usages))
    memory = Memory(recommendations=tuple(sorted(past)))
    decision = decide(spec, memory, Sample(replicas, replicas, seen), NOW)
    if decision.error is None:
        assert 2 <= decision.desired <= 20
    else:
        assert decision.desired == replicas
        assert decision.memory.recommendations == (memory.recommendations or ((NOW, replicas),))

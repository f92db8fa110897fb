from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from threading import Event

import pytest

from balancer.errors import HAProxyUnavailableError
from balancer.haproxy.stats import Stat
from balancer.kube.load import (
    BadLoadError,
    LoadMeter,
    ServiceLoad,
    counts,
    from_json,
    keep_looking,
    service_port,
    to_json,
    total,
)


def row(kind: str, name: str = "BACKEND", proxy: str = "fan_live_http", **changes: object) -> Stat:
    nothing = Stat(
        kind=kind,
        proxy=proxy,
        name=name,
        status="UP",
        address="",
        weight=100,
        maxconn=None,
        current_sessions=0,
        queued=0,
        sessions=0,
        request_rate=0,
        bytes_in=0,
        bytes_out=0,
        connection_errors=0,
        response_errors=0,
        retries=0,
        redispatches=0,
        answers=(0, 0, 0, 0, 0),
        queue_s=0.0,
        connect_s=0.0,
        response_s=0.0,
        total_s=0.0,
    )
    return replace(nothing, **changes)  # type: ignore[arg-type]


def rate(meter: LoadMeter, now_s: float) -> float:
    (load,) = meter.loads(now_s)
    return load.requests_per_s


def test_a_backend_of_other_make_is_no_service() -> None:
    assert service_port("fan_live_http") == ("fan", "live", "http")
    assert service_port("http") is None
    assert service_port("fan__http") is None
    assert counts([row("backend", proxy="stats"), row("frontend", proxy="fan_live_http")]) == {}


def test_queue_is_what_waits_for_any_server_and_for_certain_ones() -> None:
    found = counts([row("backend", queued=3), row("server", "a", queued=2, current_sessions=4)])
    assert found["fan", "live", "http"].queued == 5  # type: ignore[index]
    assert found["fan", "live", "http"].in_flight == 4  # type: ignore[index]


def test_pods_in_rotation_are_neither_draining_nor_down_nor_weightless() -> None:
    servers = [
        row("server", "a", status="no check"),
        row("server", "b", status="UP 1/3"),
        row("server", "c", status="DRAIN"),
        row("server", "d", status="MAINT"),
        row("server", "e", status="DOWN"),
        row("server", "f", weight=0),
    ]
    assert counts([row("backend"), *servers])["fan", "live", "http"].pods == 2  # type: ignore[index]


def test_rate_is_growth_over_the_window() -> None:
    meter = LoadMeter(window_s=10)
    for second in range(30):
        meter.look([row("backend", sessions=1000 + 50 * second)], float(second))
    assert rate(meter, 29.0) == pytest.approx(50)


def test_a_surge_is_seen_within_the_window_and_forgotten_after_it() -> None:
    meter = LoadMeter(window_s=10)
    requests = 0
    for second in range(41):
        requests += 100 if 10 < second <= 20 else 0
        meter.look([row("backend", sessions=requests)], float(second))
        if second == 15:
            assert rate(meter, 15.0) == pytest.approx(50)
        if second == 20:
            assert rate(meter, 20.0) == pytest.approx(100)
    assert rate(meter, 40.0) == 0


def test_a_new_process_counts_from_zero_without_a_negative_rate() -> None:
    meter = LoadMeter(window_s=10)
    meter.look([row("backend", sessions=5000)], 0.0)
    meter.look([row("backend", sessions=5010)], 1.0)
    meter.look([row("backend", sessions=10)], 2.0)
    assert rate(meter, 2.0) == pytest.approx(10)


def test_what_a_backend_counted_before_the_first_look_is_no_rate() -> None:
    meter = LoadMeter()
    meter.look([row("backend", sessions=1_000_000)], 0.0)
    assert rate(meter, 0.0) == 0
    meter.look([row("backend", sessions=1_000_020)], 2.0)
    assert rate(meter, 2.0) == pytest.approx(10)


def test_a_backend_that_comes_later_counts_its_first_requests() -> None:
    meter = LoadMeter()
    meter.look([], 0.0)
    meter.look([row("backend", sessions=30)], 3.0)
    assert rate(meter, 3.0) == pytest.approx(10)


def test_a_backend_that_went_and_came_back_is_counted_anew() -> None:
    meter = LoadMeter()
    meter.look([row("backend", sessions=100)], 0.0)
    meter.look([], 1.0)
    meter.look([row("backend", sessions=4)], 2.0)
    assert rate(meter, 2.0) == pytest.approx(2)


def test_an_old_look_says_nothing() -> None:
    meter = LoadMeter(window_s=10)
    meter.look([row("backend")], 0.0)
    assert len(meter.loads(10.0)) == 1
    assert meter.loads(10.1) == ()
    assert LoadMeter().loads(0.0) == ()


def test_a_second_look_at_the_same_instant_changes_nothing() -> None:
    meter = LoadMeter()
    meter.look([row("backend", queued=1)], 1.0)
    meter.look([row("backend", queued=9)], 1.0)
    assert meter.loads(1.0)[0].queued == 1


class Waits(Event):
    """An event that is set after so many waits, which take no time and are noted."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.waits: list[float] = []
        self.count = count

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        if len(self.waits) == self.count:
            self.set()
        return self.is_set()


@pytest.mark.parametrize(("took_s", "wait_s"), [(0.0, 1.0), (0.1, 2.0), (5.0, 3.0)])
def test_a_dear_look_is_taken_less_often(took_s: float, wait_s: float) -> None:
    now = [0.0]

    def stats() -> Sequence[Stat]:
        now[0] += took_s
        return [row("backend", queued=3)]

    meter, stop = LoadMeter(), Waits(1)
    keep_looking(meter, stats, stop, lambda: now[0])
    assert stop.waits == [pytest.approx(wait_s)]
    assert meter.loads(0.0)[0].queued == 3


def test_looking_goes_on_after_haproxy_was_gone() -> None:
    meter, stop, looks = LoadMeter(), Waits(3), [0]

    def stats() -> Sequence[Stat]:
        looks[0] += 1
        if looks[0] < 3:
            raise HAProxyUnavailableError("gone")
        return [row("backend", queued=3)]

    keep_looking(meter, stats, stop, lambda: 5.0)
    assert meter.loads(5.0)[0].queued == 3


def test_replicas_add_up_but_their_pods_are_the_same_ones() -> None:
    here = ServiceLoad("fan", "live", "http", requests_per_s=10, queued=1, in_flight=2, pods=3)
    there = ServiceLoad("fan", "live", "http", requests_per_s=5, queued=4, in_flight=6, pods=2)
    other = ServiceLoad("fan", "shop", "http", requests_per_s=1, queued=0, in_flight=0, pods=1)
    assert total([(here, other), (there,)]) == (
        ServiceLoad("fan", "live", "http", requests_per_s=15, queued=5, in_flight=8, pods=3),
        other,
    )


def test_loads_survive_the_way_to_another_replica() -> None:
    loads = (ServiceLoad("fan", "live", "8080", requests_per_s=12.5, queued=1, in_flight=2, pods=3),)
    assert from_json(json.loads(json.dumps(to_json(loads)))) == loads


@pytest.mark.parametrize("said", [None, [], {"services": 3}, {"services": [{}]}, {"services": [{"namespace": 1}]}])
def test_what_is_no_list_of_loads_is_refused(said: object) -> None:
    with pytest.raises(BadLoadError):
        from_json(said)

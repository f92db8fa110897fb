from __future__ import annotations

import json
from threading import Event

import pytest

from balancer.errors import HAProxyUnavailableError
from balancer.haproxy.stats import parse_stat
from balancer.kube.load import (
    BadLoadError,
    Counts,
    LoadMeter,
    ServiceLoad,
    ServicePort,
    counts,
    from_json,
    in_rotation,
    keep_looking,
    service_port,
    to_json,
    total,
)

# Cut from what HAProxy 2.8.25 answers; a check's words are quoted and may have commas.
STAT = """\
# pxname,svname,qcur,scur,stot,status,weight,type,last_chk,
http,FRONTEND,,2,9,OPEN,,0,,
fan_live_http,pod-a,3,4,7,UP,100,2,"no, not yet",
fan_live_http,pod-b,0,1,2,DRAIN,100,2,,
fan_live_http,pod-c,0,0,2,no check,1,2,,
fan_live_http,pod-d,0,0,2,UP,0,2,,
fan_live_http,BACKEND,5,10,9,UP,200,1,,
stats,BACKEND,0,0,0,UP,0,1,,
"""


LIVE = ServicePort("fan", "live", "http")
HEADER = "# pxname,svname,qcur,scur,stot,status,weight,type,\n"


def backend(requests: int = 0, queued: int = 0) -> str:
    """HAProxy's answer when there is one backend."""
    return f"{HEADER}fan_live_http,BACKEND,{queued},,{requests},UP,100,1,\n"


def rate(meter: LoadMeter, now_s: float) -> float:
    (load,) = meter.loads(now_s)
    return load.requests_per_s


def test_a_backend_of_other_make_is_no_service() -> None:
    assert service_port("fan_live_http") == LIVE
    assert service_port("http") is None
    assert service_port("fan__http") is None
    assert counts(STAT.replace("fan_live_http", "stats")) == {}


def test_queue_is_what_waits_for_any_server_and_for_certain_ones() -> None:
    assert counts(STAT)[LIVE].queued == 8
    assert counts(STAT)[LIVE].in_flight == 5


def test_pods_in_rotation_are_neither_draining_nor_down_nor_weightless() -> None:
    assert counts(STAT)[LIVE].pods == 2
    states = {"UP 1/3": True, "no check": True, "DRAIN": False, "MAINT": False, "DOWN": False, "NOLB": False}
    assert {status: in_rotation(status, "1") for status in states} == states
    assert not in_rotation("UP", "0")


def test_it_counts_what_the_whole_reading_of_haproxys_answer_says() -> None:
    rows = {row.name: row for row in parse_stat(STAT) if row.proxy == "fan_live_http"}
    pods = [row for name, row in rows.items() if name != "BACKEND"]
    assert counts(STAT)[LIVE] == Counts(
        requests=rows["BACKEND"].sessions,
        queued=sum(row.queued for row in rows.values()),
        in_flight=sum(row.current_sessions for row in pods),
        pods=sum(row.weight > 0 and row.status in {"UP", "no check"} for row in pods),
    )


@pytest.mark.parametrize("text", ["", "\n", "No such proxy.", "# pxname,svname\n", STAT.replace("qcur", "other")])
def test_an_answer_that_is_no_table_has_no_counts(text: str) -> None:
    assert counts(text) == {}


def test_rate_is_growth_over_the_window() -> None:
    meter = LoadMeter(window_s=10)
    for second in range(30):
        meter.look(backend(1000 + 50 * second), float(second))
    assert rate(meter, 29.0) == pytest.approx(50)


def test_a_surge_is_seen_within_the_window_and_forgotten_after_it() -> None:
    meter = LoadMeter(window_s=10)
    requests = 0
    for second in range(41):
        requests += 100 if 10 < second <= 20 else 0
        meter.look(backend(requests), float(second))
        if second == 15:
            assert rate(meter, 15.0) == pytest.approx(50)
        if second == 20:
            assert rate(meter, 20.0) == pytest.approx(100)
    assert rate(meter, 40.0) == 0


def test_a_new_process_counts_from_zero_without_a_negative_rate() -> None:
    meter = LoadMeter(window_s=10)
    meter.look(backend(5000), 0.0)
    meter.look(backend(5010), 1.0)
    meter.look(backend(10), 2.0)
    assert rate(meter, 2.0) == pytest.approx(10)


def test_what_a_backend_counted_before_the_first_look_is_no_rate() -> None:
    meter = LoadMeter()
    meter.look(backend(1_000_000), 0.0)
    assert rate(meter, 0.0) == 0
    meter.look(backend(1_000_020), 2.0)
    assert rate(meter, 2.0) == pytest.approx(10)


def test_a_backend_that_comes_later_counts_its_first_requests() -> None:
    meter = LoadMeter()
    meter.look(HEADER, 0.0)
    meter.look(backend(30), 3.0)
    assert rate(meter, 3.0) == pytest.approx(10)


def test_a_backend_that_went_and_came_back_is_counted_anew() -> None:
    meter = LoadMeter()
    meter.look(backend(100), 0.0)
    meter.look(HEADER, 1.0)
    meter.look(backend(4), 2.0)
    assert rate(meter, 2.0) == pytest.approx(2)


def test_an_old_look_says_nothing() -> None:
    meter = LoadMeter(window_s=10)
    meter.look(backend(), 0.0)
    assert len(meter.loads(10.0)) == 1
    assert meter.loads(10.1) == ()
    assert LoadMeter().loads(0.0) == ()


def test_a_second_look_at_the_same_instant_changes_nothing() -> None:
    meter = LoadMeter()
    meter.look(backend(queued=1), 1.0)
    meter.look(backend(queued=9), 1.0)
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

    def show_stat() -> str:
        now[0] += took_s
        return STAT

    meter, stop = LoadMeter(), Waits(1)
    keep_looking(meter, show_stat, stop, lambda: now[0])
    assert stop.waits == [pytest.approx(wait_s)]
    assert meter.loads(0.0)[0].queued == 8


def test_looking_goes_on_after_haproxy_was_gone() -> None:
    meter, stop, looks = LoadMeter(), Waits(3), [0]

    def show_stat() -> str:
        looks[0] += 1
        if looks[0] < 3:
            raise HAProxyUnavailableError("gone")
        return STAT

    keep_looking(meter, show_stat, stop, lambda: 5.0)
    assert meter.loads(5.0)[0].queued == 8


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

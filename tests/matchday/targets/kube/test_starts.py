import asyncio
import time
from datetime import UTC, datetime

import pytest

from balancer.kube.api import ApiError
from balancer.policy.objects import Probe
from matchday.targets.kube.starts import Start, ask_until_ready, learnt, probed_port
from tests.matchday.targets.kube.api import pod

PROBE = Probe(path="/ready", port="http", period_s=1.0)


def whole() -> Start:
    return Start(ordered=100.0, probe=PROBE, started=100.7, first_ok=103.1, ready=103.9, in_rotation=104.0)


def test_the_parts_add_up_from_order_to_rotation() -> None:
    start = whole()
    assert start.decision_lag_s == pytest.approx(0.7)
    assert start.startup_s == pytest.approx(2.4)
    # probes at 100.7, 101.7, 102.7 find it unready, that of 103.7 ready
    assert start.rotation_lag_s == pytest.approx(0.3)


def test_without_the_first_200_kubernetes_word_on_readiness_serves() -> None:
    start = whole()
    start.first_ok = None
    assert start.startup_s == pytest.approx(3.2)


def test_a_start_written_in_whole_seconds_is_taken_half_a_second_later_but_never_after_it_was_heard() -> None:
    now, wall = time.monotonic(), time.time()
    written = datetime.fromtimestamp(wall - 10, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    start = Start(ordered=now - 20, probe=PROBE)
    start.hear_started(written, now)
    assert start.started == pytest.approx(now - 10, abs=0.6)
    early = Start(ordered=now - 20, probe=PROBE)
    early.hear_started(written, now - 15)
    assert early.started == now - 15


def test_only_pods_that_came_into_rotation_teach() -> None:
    unfinished = Start(ordered=100.0, probe=PROBE, started=101.0, first_ok=103.0)
    assert list(learnt({"a": whole(), "b": unfinished}).startup_s) == pytest.approx([2.4])


class Asked:
    def __init__(self, *statuses: int) -> None:
        self.statuses, self.paths = list(statuses), list[str]()

    def text(self, path: str, **_query: object) -> str:
        self.paths.append(path)
        status = self.statuses.pop(0)
        if status != 200:
            raise ApiError(status, "not ready")
        return "ready"


def test_a_pod_is_asked_until_it_says_200() -> None:
    asked, start = Asked(503, 503, 200), Start(ordered=0.0, probe=PROBE)
    asyncio.run(ask_until_ready(asked, "n", "a", 8080, start))
    assert start.first_ok is not None
    assert asked.paths == ["/api/v1/namespaces/n/pods/a:8080/proxy/ready"] * 3


def test_where_one_may_not_ask_nothing_is_learnt() -> None:
    start = Start(ordered=0.0, probe=PROBE)
    asyncio.run(ask_until_ready(Asked(403), "n", "a", 8080, start))
    assert start.first_ok is None


@pytest.mark.parametrize(("port", "number"), [("http", 8080), (None, 8080), (9000, 9000), ("admin", None)])
def test_a_probes_port_is_found_by_name(port: str | int | None, number: int | None) -> None:
    assert probed_port(Probe(port=port), pod("a")) == number

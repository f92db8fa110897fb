from __future__ import annotations

import time
from threading import Event, Thread

import pytest

from balancer.kube.cluster import IngressState, Refusal
from balancer.kube.duties import Duties, Published
from balancer.kube.events import Recorder
from balancer.kube.lease import Election
from balancer.kube.reference import ObjectRef
from balancer.policy.objects import Problem
from tests.balancer.kube.objects import Objects

LIVE = "/apis/networking.k8s.io/v1/namespaces/fan/ingresses/live"
SERVICE = "/api/v1/namespaces/matchday/services/matchday-balancer"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/matchday/leases/matchday-balancer"
EVENTS = "/apis/events.k8s.io/v1/namespaces/fan/events"
REF = ObjectRef("networking.k8s.io/v1", "Ingress", "fan", "live", "u1")
REFUSED = Refusal(REF, Problem(0, ("metadata", "annotations", "haproxy.org/check"), "perhaps", "true or false"))


class Replica:
    """One replica's duties on a clock; `leading` is what the metric was told."""

    def __init__(self, api: Objects, name: str, told: tuple[str, ...] = ("192.0.2.1",), *, last: bool = True) -> None:
        self.api, self.now_s, self.leading = api, 100.0, False
        self.election = Election(api, "matchday", "matchday-balancer", name, clock=self.clock)
        self.duties = Duties(
            api,
            self.election,
            Recorder(api, name, clock=self.clock),
            Published("matchday", "matchday-balancer", told),
            led=self.led,
            last=lambda: last,
            clock=self.clock,
        )

    def clock(self) -> float:
        return self.now_s

    def led(self, leading: bool) -> None:
        self.leading = leading

    def ours(self) -> tuple[IngressState, ...]:
        shown = self.api.objects[LIVE].get("status", {}).get("loadBalancer", {}).get("ingress", ())
        return (IngressState(REF, tuple(shown)),)

    def tell(self) -> None:
        self.duties.tell((REFUSED,), self.ours())


@pytest.fixture
def api() -> Objects:
    return Objects({LIVE: {"metadata": {"namespace": "fan", "name": "live", "uid": "u1"}, "status": {}}})


def shown(api: Objects) -> list[dict[str, str]]:
    found: list[dict[str, str]] = api.objects[LIVE]["status"].get("loadBalancer", {}).get("ingress", [])
    return found


def events(api: Objects) -> int:
    return sum(path.startswith(EVENTS) for path in api.objects)


def test_the_leader_writes_events_and_status(api: Objects) -> None:
    replica = Replica(api, "a")
    replica.election.step(replica.now_s)
    replica.tell()
    replica.duties.step()
    assert replica.leading
    assert (events(api), shown(api)) == (1, [{"ip": "192.0.2.1"}])


def test_who_does_not_lead_writes_neither_and_both_when_it_takes_over(api: Objects) -> None:
    first, second = Replica(api, "a"), Replica(api, "b")
    first.election.step(first.now_s)
    second.election.step(second.now_s)
    second.tell()
    second.duties.step()
    assert not second.leading
    assert (events(api), shown(api)) == (0, [])
    first.election.release()
    second.now_s += 5
    second.election.step(second.now_s)
    second.duties.step()
    assert (events(api), shown(api)) == (1, [{"ip": "192.0.2.1"}])


def test_before_the_first_news_nothing_is_touched(api: Objects) -> None:
    replica = Replica(api, "a")
    replica.election.step(replica.now_s)
    replica.duties.step()
    assert api.writes() == [("POST", LEASE.rpartition("/")[0])]


def test_what_an_outage_kept_from_being_written_is_written_after_it(api: Objects) -> None:
    replica = Replica(api, "a")
    replica.election.step(replica.now_s)
    replica.tell()
    api.up = False
    replica.duties.step()
    api.up = True
    replica.now_s += 5
    replica.duties.step()
    assert events(api) == 1
    replica.now_s += 30
    replica.election.step(replica.now_s)
    replica.duties.step()
    assert shown(api) == [{"ip": "192.0.2.1"}]


def test_the_address_is_our_services_own_and_follows_it(api: Objects) -> None:
    replica = Replica(api, "a", told=())
    replica.election.step(replica.now_s)
    replica.tell()
    replica.duties.step()
    assert shown(api) == []
    spec = {"type": "LoadBalancer"}
    for address in ("203.0.113.1", "203.0.113.2"):
        api.put(SERVICE, {"spec": spec, "status": {"loadBalancer": {"ingress": [{"ip": address}]}}})
        replica.now_s += 5
        replica.election.step(replica.now_s)
        replica.duties.step()
        assert shown(api) == [{"ip": address}]
        replica.tell()


def test_between_rounds_the_api_server_is_left_alone(api: Objects) -> None:
    replica = Replica(api, "a", told=())
    replica.election.step(replica.now_s)
    replica.tell()
    for _ in range(5):
        replica.duties.step()
        replica.now_s += 0.5
    assert api.requests.count(("GET", SERVICE)) == 1


@pytest.mark.parametrize("last", [True, False])
def test_at_its_end_only_the_last_replica_withdraws_and_each_frees_the_lease(api: Objects, last: bool) -> None:
    replica = Replica(api, "a", last=last)
    stop = Event()
    thread = Thread(target=replica.duties.run, args=(stop,))
    thread.start()
    replica.tell()
    deadline = time.monotonic() + 10
    while not shown(api) and time.monotonic() < deadline:
        replica.tell()
        time.sleep(0.01)
    assert shown(api)
    stop.set()
    thread.join(timeout=10)
    assert bool(shown(api)) is not last
    assert api.objects[LEASE]["spec"]["holderIdentity"] == ""
    assert not replica.leading

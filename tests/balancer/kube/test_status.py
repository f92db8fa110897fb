from __future__ import annotations

import pytest

from balancer.kube.api import ApiError
from balancer.kube.cluster import IngressState
from balancer.kube.reference import ObjectRef
from balancer.kube.status import StatusWriter, addresses
from tests.balancer.kube.objects import Json, Objects

PREFIX = "/apis/networking.k8s.io/v1/namespaces/fan/ingresses/"
LIVE, SHOP = PREFIX + "live", PREFIX + "shop"
HERE = ("10.0.0.1", "10.0.0.2")


def ingress(name: str, uid: str | None = None, published: tuple[str, ...] = ()) -> Json:
    status = {"loadBalancer": {"ingress": [{"ip": address} for address in published]}} if published else {}
    return {"metadata": {"namespace": "fan", "name": name, "uid": uid or f"u-{name}"}, "status": status}


def watched(found: Json) -> IngressState:
    """An Ingress as the cluster's state has it."""
    metadata = found["metadata"]
    ref = ObjectRef("networking.k8s.io/v1", "Ingress", "fan", metadata["name"], metadata["uid"])
    return IngressState(ref, tuple(found["status"].get("loadBalancer", {}).get("ingress", ())))


class Cluster:
    """Two Ingresses, and a writer that is told of them as they are."""

    def __init__(self) -> None:
        self.api = Objects({LIVE: ingress("live"), SHOP: ingress("shop")})
        self.leads = True
        self.now_s = 0.0
        self.writer = StatusWriter(self.api, lambda: self.leads, clock=lambda: self.now_s)

    def state(self, path: str) -> IngressState:
        return watched(self.api.objects[path])

    def sync(self, *paths: str, published: tuple[str, ...] = HERE) -> int:
        return self.writer.sync([self.state(path) for path in paths or (LIVE, SHOP)], published)

    def shown(self, path: str) -> list[Json]:
        found: list[Json] = self.api.objects[path]["status"].get("loadBalancer", {}).get("ingress", [])
        return found


def test_our_ingresses_get_our_addresses_once() -> None:
    cluster = Cluster()
    assert cluster.sync() == 2
    assert cluster.shown(LIVE) == [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]
    assert cluster.sync() == 0


def test_a_name_is_a_hostname() -> None:
    cluster = Cluster()
    cluster.sync(published=("edge.fan.test",))
    assert cluster.shown(LIVE) == [{"hostname": "edge.fan.test"}]


def test_what_the_watch_has_not_told_yet_is_not_written_twice() -> None:
    cluster = Cluster()
    old = [cluster.state(LIVE)]
    assert cluster.writer.sync(old, HERE) == 1
    assert cluster.writer.sync(old, HERE) == 0
    assert cluster.writer.sync(old, ("10.0.0.3",)) == 1
    cluster.now_s += 30
    assert cluster.writer.sync(old, ("10.0.0.3",)) == 1


def test_a_status_somebody_spoiled_is_mended() -> None:
    cluster = Cluster()
    cluster.sync()
    cluster.api.put(LIVE, ingress("live", published=("6.6.6.6",)))
    assert cluster.sync() == 1
    assert cluster.shown(LIVE) == [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]


def test_other_addresses_replace_the_old_ones() -> None:
    cluster = Cluster()
    cluster.sync()
    assert cluster.sync(published=("10.0.0.9",)) == 2
    assert cluster.shown(SHOP) == [{"ip": "10.0.0.9"}]


def test_no_known_address_leaves_what_is_published() -> None:
    cluster = Cluster()
    cluster.sync()
    assert cluster.sync(published=()) == 0
    assert cluster.shown(LIVE)


def test_an_ingress_that_is_no_longer_ours_loses_our_addresses() -> None:
    cluster = Cluster()
    cluster.sync()
    assert cluster.sync(LIVE) == 1
    assert cluster.shown(SHOP) == []
    assert cluster.shown(LIVE)
    assert cluster.sync(LIVE) == 0


def test_an_ingress_another_controller_has_taken_over_keeps_its_status() -> None:
    cluster = Cluster()
    cluster.sync()
    cluster.api.put(SHOP, ingress("shop", published=("10.9.9.9",)))
    assert cluster.sync(LIVE) == 0
    assert cluster.shown(SHOP) == [{"ip": "10.9.9.9"}]


def test_another_ingress_of_a_gone_ones_name_is_left_alone() -> None:
    cluster = Cluster()
    cluster.sync()
    cluster.api.put(SHOP, ingress("shop", uid="u-another", published=HERE))
    assert cluster.sync(LIVE) == 0
    assert cluster.shown(SHOP)


def test_who_does_not_lead_writes_nothing_but_remembers() -> None:
    cluster = Cluster()
    cluster.sync()
    other = StatusWriter(cluster.api, lambda: cluster.leads)
    cluster.leads = False
    live, shop = cluster.state(LIVE), cluster.state(SHOP)
    assert other.sync([live, shop], HERE) == 0
    assert other.sync([live], HERE) == 0
    cluster.leads = True
    assert other.sync([live], HERE) == 1
    assert cluster.shown(SHOP) == []


def test_an_ingress_that_changed_meanwhile_keeps_its_change() -> None:
    cluster = Cluster()
    old = cluster.state(LIVE)
    cluster.api.put(LIVE, {**ingress("live"), "spec": {"changed": True}})
    assert cluster.writer.sync([old], HERE) == 1
    assert cluster.api.objects[LIVE]["spec"] == {"changed": True}
    assert cluster.shown(LIVE)


def test_a_new_ingress_of_the_old_ones_name_is_not_taken_for_it() -> None:
    cluster = Cluster()
    old = cluster.state(LIVE)
    cluster.api.put(LIVE, ingress("live", uid="u-another"))
    assert cluster.writer.sync([old], HERE) == 0
    assert cluster.shown(LIVE) == []


def test_a_withdrawal_in_the_middle_of_somebody_elses_change_is_tried_again() -> None:
    cluster = Cluster()
    cluster.sync()
    get, left = cluster.api.get, [1]

    def changed_after(path: str, **query: object) -> Json:
        found = get(path)
        if left and path == SHOP:
            cluster.api.put(SHOP, {**cluster.api.objects[SHOP], "spec": {"changed": left.pop()}})
        return found

    cluster.api.get = changed_after  # type: ignore[method-assign]
    assert cluster.sync(LIVE) == 1
    assert cluster.shown(SHOP) == []
    assert cluster.api.objects[SHOP]["spec"] == {"changed": 1}


def test_an_ingress_deleted_meanwhile_is_no_error() -> None:
    cluster = Cluster()
    gone, shop = cluster.state(LIVE), cluster.state(SHOP)
    del cluster.api.objects[LIVE]
    assert cluster.writer.sync([gone, shop], HERE) == 1
    assert cluster.sync(SHOP) == 0


def test_an_outage_delays_what_is_to_be_written_and_withdrawn() -> None:
    cluster = Cluster()
    cluster.sync()
    cluster.api.up = False
    assert cluster.sync(LIVE) == 0
    cluster.api.up = True
    assert cluster.sync(LIVE) == 1
    assert cluster.shown(SHOP) == []


def test_what_was_not_ours_for_a_moment_only_keeps_its_addresses() -> None:
    cluster = Cluster()
    cluster.sync()
    cluster.api.up = False
    cluster.sync(LIVE)
    cluster.api.up = True
    assert cluster.sync(LIVE, SHOP) == 0
    assert cluster.shown(SHOP)


def test_an_ingress_whose_status_is_refused_does_not_keep_others_from_theirs() -> None:
    cluster = Cluster()
    cluster.api.refuse_paths[LIVE + "/status"] = ApiError(422, "a webhook says no")
    assert cluster.sync() == 1
    assert cluster.shown(SHOP)


@pytest.mark.parametrize("status", [403, 500])
def test_a_refusal_is_no_crash(status: int) -> None:
    cluster = Cluster()
    cluster.api.refuse["PATCH"] = ApiError(status, "no")
    assert cluster.sync() == 0
    assert cluster.writer.withdraw_all() == 0


def test_the_last_replica_withdraws_everything_that_is_ours() -> None:
    cluster = Cluster()
    cluster.sync()
    cluster.api.put(SHOP, ingress("shop", published=("10.9.9.9",)))
    assert cluster.writer.withdraw_all() == 1
    assert cluster.shown(LIVE) == []
    assert cluster.shown(SHOP) == [{"ip": "10.9.9.9"}]


NODES = ("192.0.2.2", "192.0.2.1", "192.0.2.1")
BALANCED = {"loadBalancer": {"ingress": [{"hostname": "lb.test"}, {"ip": "203.0.113.1"}]}}


@pytest.mark.parametrize(
    ("published", "service", "expected"),
    [
        (("edge.test",), {"spec": {"type": "NodePort"}}, ("edge.test",)),
        ((), None, ()),
        ((), {"spec": {"type": "LoadBalancer"}, "status": BALANCED}, ("203.0.113.1", "lb.test")),
        ((), {"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {}}}, ()),
        ((), {"spec": {"type": "NodePort"}}, ("192.0.2.1", "192.0.2.2")),
        ((), {"spec": {"type": "NodePort", "externalIPs": ["203.0.113.7"]}}, ("203.0.113.7",)),
        ((), {"spec": {"type": "ClusterIP", "clusterIP": "198.51.100.1"}}, ("198.51.100.1",)),
        ((), {"spec": {"type": "ClusterIP", "clusterIP": "None"}}, ()),
    ],
)
def test_addresses_follow_from_the_kind_of_service(
    published: tuple[str, ...], service: Json | None, expected: tuple[str, ...]
) -> None:
    assert addresses(published, service, NODES) == expected

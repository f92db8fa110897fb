from __future__ import annotations

from typing import Any

from balancer.kube.endpoint_slices import endpoints, read_slice, service_of
from balancer.policy.objects import Endpoint


def found(*entries: dict[str, Any], port: str | None = "http", number: int = 8080, kind: str = "IPv4") -> Any:
    return {
        "metadata": {"namespace": "tv", "name": "live-x", "labels": {"kubernetes.io/service-name": "live"}},
        "addressType": kind,
        "ports": [{"name": port, "port": number}],
        "endpoints": list(entries),
    }


def pod(name: str, address: str, **conditions: bool) -> dict[str, Any]:
    return {"addresses": [address], "conditions": conditions, "targetRef": {"kind": "Pod", "name": name}}


def served(*slices: Any, port: str = "http") -> tuple[Endpoint, ...]:
    return endpoints({str(number): read_slice(entry) for number, entry in enumerate(slices)}, port)


def test_a_slice_belongs_to_the_service_its_label_names() -> None:
    assert service_of(found()) == ("tv", "live")
    assert service_of({"metadata": {"namespace": "tv", "name": "nobodys"}}) is None


def test_conditions_left_out_mean_ready() -> None:
    assert served(found({"addresses": ["10.0.0.1"]})) == (Endpoint("10.0.0.1", "10.0.0.1", 8080),)


def test_a_pod_that_is_not_ready_is_left_out() -> None:
    one = found(pod("a", "10.0.0.1", ready=True), pod("b", "10.0.0.2", ready=False, serving=False))
    assert [endpoint.name for endpoint in served(one)] == ["a"]


def test_a_pod_on_its_way_out_that_still_serves_is_drained() -> None:
    leaving = pod("b", "10.0.0.2", ready=False, serving=True, terminating=True)
    assert served(found(pod("a", "10.0.0.1", ready=True), leaving)) == (
        Endpoint("a", "10.0.0.1", 8080, serving=True),
        Endpoint("b", "10.0.0.2", 8080, serving=False),
    )


def test_pods_on_their_way_out_go_on_serving_while_nobody_else_is_there() -> None:
    leaving = pod("b", "10.0.0.2", ready=False, serving=True, terminating=True)
    assert served(found(leaving)) == (Endpoint("b", "10.0.0.2", 8080, serving=True),)


def test_of_two_address_families_a_pod_is_reached_by_ipv4() -> None:
    six = found(pod("a", "fd00::1", ready=True), kind="IPv6")
    assert served(six, found(pod("a", "10.0.0.1", ready=True))) == (Endpoint("a", "10.0.0.1", 8080),)
    assert served(six) == (Endpoint("a", "fd00::1", 8080),)


def test_a_port_is_found_by_its_name_and_without_names_there_is_one() -> None:
    assert served(found(pod("a", "10.0.0.1"), port=None), port="80") == (Endpoint("a", "10.0.0.1", 8080),)
    assert served(found(pod("a", "10.0.0.1"), port="admin"), port="http") == ()


def test_names_instead_of_addresses_are_left_out() -> None:
    assert served(found({"addresses": ["db.example"]}, kind="FQDN")) == ()


def test_pods_of_a_rolling_update_may_listen_on_different_ports() -> None:
    old, new = found(pod("a", "10.0.0.1"), number=8080), found(pod("b", "10.0.0.2"), number=9090)
    assert [endpoint.port for endpoint in served(old, new)] == [8080, 9090]

"""Hosts, paths, ports and classes, each shown by a request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster import inside, objects
from tests.cluster.asking import Answer, ask
from tests.cluster.kindly import Cluster, until

APPS = ("one", "two", "three")


class Site:
    """Three applications in a namespace; what answers says which one it is."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace

    def apply(self, *made: objects.Json) -> None:
        self.cluster.apply(*made, namespace=self.namespace)

    def ask(self, host: str, path: str = "/") -> Answer:
        return ask(self.cluster.port, host, path)

    def answers(self, host: str, path: str = "/") -> str:
        """Which application answers, or the status of who refuses."""
        answer = self.ask(host, path)
        return answer.pod.split("-")[0] or str(answer.status)

    def served(self, host: str, by: str, path: str = "/") -> None:
        until(lambda: self.answers(host, path) == by, f"{host}{path} is answered by {by}", 20.0)


@pytest.fixture(scope="module")
def site(cluster: Cluster) -> Iterator[Site]:
    with cluster.namespace("routing") as namespace:
        made = Site(cluster, namespace)
        ports = {"http": 8080, "admin": 9090}
        listed = [
            {"name": "web", "port": 80, "targetPort": "http"},
            {"name": "admin", "port": 81, "targetPort": "admin"},
        ]
        for name in APPS:
            made.apply(objects.deployment(name, ports=ports), objects.service(name, ports=listed))
        for name in APPS:
            cluster.ready(f"deployment/{name}", namespace)
        yield made


def test_an_exact_host_wins_over_a_wildcard(site: Site) -> None:
    site.apply(
        objects.ingress("exact", {"a.hosts.test": [objects.path("one")]}),
        objects.ingress("wild", {"*.hosts.test": [objects.path("two")]}),
    )
    site.served("a.hosts.test", by="one")
    site.served("b.hosts.test", by="two")


def test_a_wildcard_covers_one_label_and_not_the_domain_itself(site: Site) -> None:
    site.apply(objects.ingress("one-label", {"*.label.test": [objects.path("one")]}))
    site.served("x.label.test", by="one")
    assert site.answers("label.test") == "404"
    assert site.answers("x.y.label.test") == "404"


def test_a_host_is_found_whatever_its_case_and_port(site: Site) -> None:
    site.apply(objects.ingress("case", {"case.test": [objects.path("one")]}))
    site.served("case.test", by="one")
    assert site.answers("CASE.test") == "one"
    assert site.answers("case.test:30080") == "one"


def test_exact_wins_over_prefix_and_the_longer_prefix_over_the_shorter(site: Site) -> None:
    paths = [
        objects.path("one", "/"),
        objects.path("two", "/shop"),
        objects.path("three", "/shop/sale"),
        objects.path("one", "/shop/sale", "Exact"),
    ]
    site.apply(objects.ingress("paths", {"paths.test": paths}))
    site.served("paths.test", by="two", path="/shop")
    assert site.answers("paths.test", "/") == "one"
    assert site.answers("paths.test", "/shop/") == "two"
    assert site.answers("paths.test", "/shop/x") == "two"
    assert site.answers("paths.test", "/shop/sale") == "one"
    assert site.answers("paths.test", "/shop/sale/") == "three"
    assert site.answers("paths.test", "/shop/sale/1?a=b") == "three"


def test_a_prefix_ends_at_a_path_element(site: Site) -> None:
    site.apply(objects.ingress("elements", {"elements.test": [objects.path("one", "/foo")]}))
    site.served("elements.test", by="one", path="/foo")
    assert site.answers("elements.test", "/foobar") == "404"
    assert site.answers("elements.test", "/") == "404"


def test_an_exact_path_is_no_prefix(site: Site) -> None:
    site.apply(objects.ingress("only", {"only.test": [objects.path("one", "/only", "Exact")]}))
    site.served("only.test", by="one", path="/only")
    assert site.answers("only.test", "/only?with=query") == "one"
    assert site.answers("only.test", "/only/") == "404"


def test_implementation_specific_is_a_prefix_of_the_text(site: Site) -> None:
    site.apply(objects.ingress("specific", {"specific.test": [objects.path("one", "/foo", "ImplementationSpecific")]}))
    site.served("specific.test", by="one", path="/foo")
    assert site.answers("specific.test", "/foo/x") == "one"
    assert site.answers("specific.test", "/other") == "404"


def test_a_named_port_is_the_services_port_of_that_name(site: Site) -> None:
    hosts = {
        "web.ports.test": [objects.path("one", port="web")],
        "admin.ports.test": [objects.path("one", port="admin")],
    }
    site.apply(objects.ingress("ports", {**hosts, "81.ports.test": [objects.path("one", port=81)]}))
    site.served("web.ports.test", by="one")
    assert site.ask("web.ports.test").seen["port"] == 8080
    assert site.ask("admin.ports.test").seen["port"] == 9090
    assert site.ask("81.ports.test").seen["port"] == 9090


def test_default_backend_serves_what_no_rule_does(site: Site) -> None:
    site.apply(
        objects.ingress("fallback", {"fallback.test": [objects.path("one", "/one")]}, default=objects.backend("two"))
    )
    try:
        site.served("fallback.test", by="one", path="/one")
        site.served("nobody-names-this.test", by="two")
        assert site.answers("fallback.test", "/other") == "two"
    finally:
        site.cluster.kubectl("-n", site.namespace, "delete", "ingress", "fallback")
    site.served("nobody-names-this.test", by="404")


def test_an_ingress_without_a_class_is_ours_because_our_class_is_the_default(site: Site) -> None:
    site.apply(objects.ingress("classless", {"classless.test": [objects.path("one")]}, ingress_class=None))
    site.served("classless.test", by="one")


def test_an_ingress_of_another_class_is_left_alone(site: Site) -> None:
    site.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": {"name": "foreign"},
            "spec": {"controller": "example.com/foreign"},
        }
    )
    try:
        site.apply(
            objects.ingress("foreign", {"foreign.test": [objects.path("one")]}, ingress_class="foreign"),
            objects.ingress("missing", {"missing.test": [objects.path("one")]}, ingress_class="nobody-made-this"),
            objects.ingress("after", {"after.test": [objects.path("one")]}),
        )
        site.served("after.test", by="one")
        assert site.answers("foreign.test") == "404"
        assert site.answers("missing.test") == "404"
        (foreign,) = [
            item
            for item in site.cluster.get("ingress", "-n", site.namespace)["items"]
            if item["metadata"]["name"] == "foreign"
        ]
        assert foreign.get("status", {}).get("loadBalancer") in (None, {})
    finally:
        site.cluster.kubectl("delete", "ingressclass", "foreign")


def test_an_external_name_is_refused_with_an_event(site: Site) -> None:
    external = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "external"},
        "spec": {"type": "ExternalName", "externalName": "example.test"},
    }
    paths = [objects.path("one", "/"), objects.path("external", "/external")]
    site.apply(external, objects.ingress("external", {"external.test": paths}))
    site.served("external.test", by="one")
    assert site.answers("external.test", "/external").startswith("50")
    print(inside.warned(site.cluster, site.namespace, "external", "externalName"))


def test_changed_rules_need_no_reload(site: Site) -> None:
    site.apply(objects.ingress("moves", {"moves.test": [objects.path("one")]}))
    site.served("moves.test", by="one")
    reloads = inside.reloads(site.cluster)
    site.apply(objects.ingress("moves", {"moves.test": [objects.path("two")]}))
    site.served("moves.test", by="two")
    assert inside.reloads(site.cluster) == reloads


def test_status_names_the_address_and_is_withdrawn_when_the_ingress_is_no_longer_ours(site: Site) -> None:
    site.apply(objects.ingress("status", {"status.test": [objects.path("one")]}))

    def addresses() -> list[objects.Json]:
        item = site.cluster.get("ingress", "status", "-n", site.namespace)
        return list(item.get("status", {}).get("loadBalancer", {}).get("ingress", []))

    until(addresses, "an address in status.loadBalancer", 20.0)
    site.apply(objects.ingress("status", {"status.test": [objects.path("one")]}, ingress_class="nobody-made-this"))
    until(lambda: not addresses(), "the address withdrawn", 20.0)
    site.served("status.test", by="404")

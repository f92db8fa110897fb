from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from balancer.kube import kinds
from balancer.kube.cluster import Cluster
from balancer.kube.default_certificate import self_signed
from balancer.kube.watch import Changed, Kind, Listed, Reachable
from balancer.policy.objects import Endpoint, Manifests

CONFIG_MAP = kinds.config_map("matchday", "matchday")
PAIR = self_signed(Path("/nowhere")).pem
CHAIN, _, KEY = PAIR.partition("-----BEGIN PRIVATE")
KEY = "-----BEGIN PRIVATE" + KEY


def meta(name: str, namespace: str = "tv", created: str = "2026-01-01T00:00:00Z", **more: Any) -> dict[str, Any]:
    return {"name": name, "namespace": namespace, "uid": f"{namespace}-{name}", "creationTimestamp": created, **more}


def ingress(
    name: str = "live", service: str = "live", *, port: Any = None, host: str = "tv.example", **more: Any
) -> Any:
    backend = {"service": {"name": service, "port": port or {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    spec = {"ingressClassName": "ours", "rules": [{"host": host, "http": {"paths": paths}}]}
    return {"metadata": more.pop("metadata", meta(name)), "spec": spec | more}


def service(name: str = "live", **spec: Any) -> Any:
    return {"metadata": meta(name), "spec": {"selector": {"app": name}, "ports": [{"port": 80}], **spec}}


def slice_of(name: str, *pods: str) -> Any:
    endpoints = [
        {"addresses": [f"10.0.0.{n}"], "targetRef": {"name": pod}, "nodeName": "n1"} for n, pod in enumerate(pods, 1)
    ]
    labels = {"kubernetes.io/service-name": name}
    return {
        "metadata": meta(f"{name}-x", labels=labels),
        "addressType": "IPv4",
        "ports": [{"name": "", "port": 8080}],
        "endpoints": endpoints,
    }


def secret(chain: str = CHAIN, key: str = KEY) -> Any:
    data = {name: base64.b64encode(text.encode()).decode() for name, text in (("tls.crt", chain), ("tls.key", key))}
    return {"metadata": meta("cert"), "type": "kubernetes.io/tls", "data": data}


def ingress_class(name: str = "ours", controller: str = "matchday/ingress", **annotations: str) -> Any:
    return {"metadata": {"name": name, "annotations": annotations}, "spec": {"controller": controller}}


class Told:
    """A cluster that was told of these objects."""

    def __init__(self, *given: tuple[Kind, Any], classes: tuple[Any, ...] | None = None) -> None:
        watched = kinds.watched("matchday", "matchday")
        self.cluster = Cluster(watched, "matchday", None)
        objects: dict[Kind, list[Any]] = {kind: [] for kind in watched}
        objects[kinds.INGRESS_CLASS] = [ingress_class()] if classes is None else list(classes)
        for kind, found in given:
            objects[kind].append(found)
        for kind, found in objects.items():
            self.cluster.apply(Listed(kind, tuple(found), 0.0))
        self.cluster.rules_changed = self.cluster.endpoints_changed = False

    def put(self, kind: Kind, found: Any, *, gone: bool = False) -> None:
        self.cluster.apply(Changed(kind, found, gone, 0.0))

    @property
    def manifests(self) -> Manifests:
        return self.cluster.manifests()[0]

    @property
    def served(self) -> list[str]:
        return [f"{found.namespace}/{found.name}" for found in self.manifests.ingresses]

    @property
    def refused(self) -> list[tuple[str, str, str]]:
        """Kind, place and what is allowed, of all that stands refused."""
        refusals = self.cluster.refusals(self.cluster.manifests()[1])
        return [(r.ref.kind, ".".join(map(str, r.problem.path)), r.problem.allowed) for r in refusals]


def test_nothing_is_known_before_every_kind_was_listed() -> None:
    watched = kinds.watched("matchday", "matchday")
    cluster = Cluster(watched, "matchday", None)
    for kind in watched:
        assert not cluster.synced
        cluster.apply(Listed(kind, (), 0.0))
    assert cluster.synced


def test_an_ingress_is_ours_by_the_controller_of_its_class() -> None:
    given = [(kinds.INGRESS, ingress()), (kinds.INGRESS, ingress("other", ingressClassName="theirs"))]
    assert Told(*given, classes=(ingress_class(), ingress_class("theirs", "nginx"))).served == ["tv/live"]
    assert Told(*given, classes=()).served == []


def test_an_ingress_without_a_class_is_ours_when_our_class_is_the_default() -> None:
    bare = (kinds.INGRESS, ingress(ingressClassName=None))
    default = {"ingressclass.kubernetes.io/is-default-class": "true"}
    assert Told(bare).served == []
    assert Told(bare, classes=(ingress_class(**default),)).served == ["tv/live"]
    assert Told(bare, classes=(ingress_class("theirs", "nginx", **default),)).served == []


def test_the_old_annotation_names_our_class() -> None:
    def old(name: str) -> Any:
        annotations = {"kubernetes.io/ingress.class": name}
        return kinds.INGRESS, ingress(metadata=meta("live", annotations=annotations), ingressClassName=None)

    assert Told(old("matchday")).served == ["tv/live"]
    assert Told(old("nginx")).served == []


def test_the_oldest_ingress_comes_first() -> None:
    young = ingress(metadata=meta("a", created="2026-02-02T00:00:00Z"))
    old = ingress(metadata=meta("b", namespace="radio", created="2026-01-01T00:00:00Z"))
    assert Told((kinds.INGRESS, young), (kinds.INGRESS, old)).served == ["radio/b", "tv/a"]


def test_a_path_to_nothing_is_refused_at_its_place() -> None:
    where = "spec.rules.0.http.paths.0.backend.service"
    assert Told((kinds.INGRESS, ingress())).refused == [("Ingress", f"{where}.name", "a Service of the same namespace")]
    given = [(kinds.INGRESS, ingress(port={"name": "https"})), (kinds.SERVICE, service())]
    assert Told(*given).refused == [("Ingress", f"{where}.port", "a port of Service live: 80")]


def test_a_name_outside_of_the_cluster_is_refused_on_the_service() -> None:
    outside = service(type="ExternalName", externalName="db.example")
    told = Told((kinds.INGRESS, ingress()), (kinds.SERVICE, outside))
    assert [(kind, where) for kind, where, _ in told.refused] == [("Service", "spec.externalName")]


def test_a_resource_instead_of_a_service_costs_only_its_path() -> None:
    found = ingress()
    resource = {"path": "/r", "pathType": "Exact", "backend": {"resource": {"kind": "Bucket", "name": "b"}}}
    found["spec"]["rules"][0]["http"]["paths"].append(resource)
    told = Told((kinds.INGRESS, found), (kinds.SERVICE, service()))
    assert [path.path for path in told.manifests.ingresses[0].paths] == ["/"]
    assert [where for _, where, _ in told.refused] == ["spec.rules.0.http.paths.1.backend.service"]


def test_an_object_that_did_not_change_stays_the_same_value() -> None:
    told = Told((kinds.INGRESS, ingress()), (kinds.SERVICE, service()))
    before = told.manifests.ingresses[0]
    addressed = ingress()
    addressed["status"] = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    told.put(kinds.INGRESS, addressed)
    assert not told.cluster.rules_changed
    assert told.manifests.ingresses[0] is before
    assert told.cluster.ingresses()[0].addresses == ({"ip": "192.0.2.1"},)
    told.put(kinds.INGRESS, ingress(host="other.example"))
    assert told.cluster.rules_changed


def test_a_slice_touches_only_its_own_service() -> None:
    told = Told((kinds.ENDPOINT_SLICE, slice_of("live", "a")), (kinds.ENDPOINT_SLICE, slice_of("login", "b")))
    names = ("tv_live_80", "tv_login_80")
    before = dict(told.cluster.endpoints(names))
    assert before["tv_live_80"] == (Endpoint("a", "10.0.0.1", 8080),)
    told.put(kinds.ENDPOINT_SLICE, slice_of("live", "a", "c"))
    after = told.cluster.endpoints(names)
    assert (told.cluster.endpoints_changed, told.cluster.rules_changed) == (True, False)
    assert [endpoint.name for endpoint in after["tv_live_80"]] == ["a", "c"]
    assert after["tv_login_80"] is before["tv_login_80"]


def test_a_new_list_forgets_what_is_gone() -> None:
    told = Told((kinds.INGRESS, ingress()), (kinds.ENDPOINT_SLICE, slice_of("live", "a")))
    told.cluster.apply(Listed(kinds.INGRESS, (), 1.0))
    told.cluster.apply(Listed(kinds.ENDPOINT_SLICE, (), 1.0))
    assert told.served == []
    assert told.cluster.endpoints(["tv_live_80"]) == {"tv_live_80": ()}
    assert told.cluster.node_of("tv", "a") == ""


def test_the_node_of_a_pod_is_known_from_its_slice() -> None:
    told = Told((kinds.ENDPOINT_SLICE, slice_of("live", "a")))
    assert (told.cluster.node_of("tv", "a"), told.cluster.node_of("tv", "z")) == ("n1", "")


def test_a_certificate_is_for_the_hosts_its_ingress_names() -> None:
    tls = [{"hosts": ["tv.example", "*.tv.example"], "secretName": "cert"}]
    told = Told((kinds.INGRESS, ingress(tls=tls)), (kinds.SECRET, secret()), (kinds.SERVICE, service()))
    (certificate,) = told.manifests.certificates
    assert (certificate.name, certificate.hosts) == ("tv_cert.pem", ("tv.example", "*.tv.example"))
    assert told.refused == []


def test_without_hosts_a_certificate_is_for_those_of_the_rules() -> None:
    told = Told((kinds.INGRESS, ingress(tls=[{"secretName": "cert"}])), (kinds.SECRET, secret()))
    assert told.manifests.certificates[0].hosts == ("tv.example",)


def test_a_secret_that_cannot_be_used_is_refused_and_never_shown() -> None:
    other = self_signed(Path("/nowhere")).pem
    wrong = secret(key=other[other.index("-----BEGIN PRIVATE") :])
    tls = [{"hosts": ["tv.example"], "secretName": "cert"}, {"hosts": ["x.example"], "secretName": "none"}]
    told = Told((kinds.INGRESS, ingress(tls=tls)), (kinds.SECRET, wrong), (kinds.SERVICE, service()))
    assert told.manifests.certificates == ()
    assert [(where, "belongs to" in allowed) for _, where, allowed in told.refused] == [
        ("spec.tls.0.secretName", True),
        ("spec.tls.1.secretName", False),
    ]
    assert "PRIVATE" not in repr(told.cluster.manifests())


def test_passwords_are_kept_only_of_secrets_that_hold_some() -> None:
    def opaque(name: str, text: str) -> Any:
        return {"metadata": meta(name), "data": {"ann": base64.b64encode(text.encode()).decode()}}

    told = Told((kinds.PASSWORDS, opaque("users", "$1$abcdefgh$" + "x" * 22)), (kinds.PASSWORDS, opaque("token", "t")))
    assert {name: [user.name for user in users] for name, users in told.manifests.users.items() if users} == {
        ("tv", "users"): ["ann"]
    }


def test_who_is_not_reached_is_known_until_he_is_again() -> None:
    told = Told()
    told.cluster.apply(Reachable(kinds.SERVICE, yes=False, why="connection refused"))
    assert told.cluster.unreachable == {"Service": "connection refused"}
    told.cluster.apply(Reachable(kinds.SERVICE, yes=True))
    assert told.cluster.unreachable == {}


def test_two_releases_serve_classes_of_their_own() -> None:
    cluster = Cluster(kinds.watched("matchday", "matchday"), "matchday", None, "matchday/second")
    classes = (ingress_class("ours"), ingress_class("second", "matchday/second"))
    cluster.apply(Listed(kinds.INGRESS_CLASS, classes, 0.0))
    second = ingress("b", metadata=meta("b"), ingressClassName="second")
    cluster.apply(Listed(kinds.INGRESS, (ingress("a"), second), 0.0))
    assert [known.ref.name for known in cluster.ours()] == ["b"]

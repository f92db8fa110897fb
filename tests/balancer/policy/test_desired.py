from collections.abc import Mapping
from dataclasses import replace

import pytest

from balancer.policy.config import NOWHERE, Backend, Certificate, ProxyConfig, Route
from balancer.policy.desired import Desired, backend_deployment, backend_names, desired_config, resolve, selects
from balancer.policy.objects import (
    BackendRef,
    ConfigMap,
    Deployment,
    Endpoint,
    Ingress,
    IngressPath,
    IngressTls,
    Manifests,
    Problem,
    Service,
    ServicePort,
)

LIVE = Service("live", "default", {"app": "live"}, (ServicePort("http", 80, 8080), ServicePort(None, 81, 8081)))
LOGIN = Service("login", "default", {"app": "login"}, (ServicePort(None, 80, 8080),))
INGRESS = Ingress(
    "tv",
    "default",
    (
        IngressPath("tv.example", "/", "Prefix", BackendRef("live", "http")),
        IngressPath("tv.example", "/login", "Exact", BackendRef("login", 80)),
    ),
)
MANIFESTS = Manifests(services=(LIVE, LOGIN), ingresses=(INGRESS,))
BACKEND = "default_live_http"


def pod(name: str, *, serving: bool = True) -> Endpoint:
    return Endpoint(name, f"127.0.0.{10 + int(name[-1])}", 8080, serving)


def desired(
    manifests: Manifests = MANIFESTS,
    endpoints: Mapping[str, tuple[Endpoint, ...]] | None = None,
    proxies: int = 1,
    current: ProxyConfig | None = None,
) -> Desired:
    return desired_config(
        manifests, endpoints or {}, bind_address="127.0.0.1", bind_port=80, proxies=proxies, current=current
    )


def backend(result: Desired, name: str = BACKEND) -> Backend:
    return result.config.backend(name)


def deployment(name: str, labels: Mapping[str, str], namespace: str = "default") -> Deployment:
    return Deployment(name, namespace, 1, labels, labels, {}, None, None, None, None)


def test_rules_become_routes_by_precedence_and_services_backends() -> None:
    config = desired().config
    assert config.routes == (
        Route("tv.example", "/login", "Exact", "default_login_80"),
        Route("tv.example", "/", "Prefix", BACKEND),
    )
    assert backend_names(MANIFESTS) == (BACKEND, "default_login_80")
    assert config.default_backend is None


def test_a_port_by_its_number_or_its_name_is_one_backend() -> None:
    both = Ingress("b", "default", (IngressPath("b.example", "/", "Prefix", BackendRef("live", 80)),))
    assert backend_names(replace(MANIFESTS, ingresses=(INGRESS, both))) == (BACKEND, "default_login_80")
    assert resolve(MANIFESTS, "default", BackendRef("live", 81)) == (LIVE, LIVE.ports[1])


@pytest.mark.parametrize("ref", [BackendRef("nobody", 80), BackendRef("live", 82), BackendRef("live", "https")])
def test_a_path_to_nowhere_costs_only_itself_and_is_not_answered_by_the_next_shorter_one(ref: BackendRef) -> None:
    lost = replace(INGRESS, paths=(IngressPath("tv.example", "/lost", "Prefix", ref), *INGRESS.paths))
    config = desired(replace(MANIFESTS, ingresses=(lost,))).config
    assert [route for route in config.routes if route.path != "/lost"] == list(desired().config.routes)
    assert [route.backend for route in config.routes if route.path == "/lost"] == [NOWHERE]
    assert config.backends == desired().config.backends


def test_a_name_outside_of_the_cluster_is_nowhere() -> None:
    outside = replace(LIVE, external_name="example.org")
    config = desired(replace(MANIFESTS, services=(outside, LOGIN))).config
    assert {route.path: route.backend for route in config.routes} == {"/": NOWHERE, "/login": "default_login_80"}


def test_another_namespace_is_out_of_reach() -> None:
    assert backend_names(Manifests(services=(LIVE,), ingresses=(replace(INGRESS, namespace="radio"),))) == ()


def test_the_first_default_backend_that_exists_is_taken() -> None:
    lost, good = (
        replace(INGRESS, default_backend=BackendRef("nobody", 80)),
        replace(INGRESS, name="b", default_backend=BackendRef("live", 81)),
    )
    assert desired(replace(MANIFESTS, ingresses=(lost, good))).config.default_backend == "default_live_81"


def test_a_service_is_served_by_the_pods_its_selector_finds() -> None:
    web = deployment("web", {"app": "live", "tier": "web"})
    manifests = replace(MANIFESTS, deployments=(deployment("live", {"app": "live"}, "radio"), web))
    assert backend_deployment(manifests, BACKEND) is web
    with pytest.raises(KeyError):
        backend_deployment(manifests, "default_login_80")
    assert not selects(replace(LIVE, selector={}), web)


def test_a_new_server_gets_the_lowest_free_id_and_keeps_it() -> None:
    first = desired(endpoints={BACKEND: (pod("p1"), pod("p2"), pod("p3"))})
    assert [(s.name, s.id) for s in backend(first).servers] == [("p1", 1), ("p2", 2), ("p3", 3)]
    second = desired(endpoints={BACKEND: (pod("p3"), pod("p1"), pod("p4"))}, current=first.config)
    assert [(s.name, s.id) for s in backend(second).servers] == [("p3", 3), ("p1", 1), ("p4", 4)]
    third = desired(endpoints={BACKEND: (pod("p3"), pod("p5"))}, current=second.config)
    assert [(s.name, s.id) for s in backend(third).servers] == [("p3", 3), ("p5", 2)]


def test_an_id_is_not_used_again_while_its_server_drains() -> None:
    first = desired(endpoints={BACKEND: (pod("p1"), pod("p2", serving=False))})
    assert [s.state for s in backend(first).servers] == ["ready", "drain"]
    second = desired(endpoints={BACKEND: (pod("p1"), pod("p3"))}, current=first.config)
    assert [(s.name, s.id) for s in backend(second).servers] == [("p1", 1), ("p3", 3)]


def test_an_endpoint_named_twice_is_one_server() -> None:
    assert len(backend(desired(endpoints={BACKEND: (pod("p1"), pod("p1"))})).servers) == 1


@pytest.mark.parametrize(("proxies", "maxconn"), [(1, 10), (3, 3), (10, 1), (50, 1)])
def test_a_pods_limit_is_shared_by_the_proxies_and_never_becomes_unlimited(proxies: int, maxconn: int) -> None:
    limited = replace(LIVE, annotations={"haproxy.org/pod-maxconn": "10"})
    result = desired(replace(MANIFESTS, services=(limited, LOGIN)), {BACKEND: (pod("p1"),)}, proxies)
    assert backend(result).servers[0].maxconn == maxconn
    assert desired(endpoints={BACKEND: (pod("p1"),)}, proxies=proxies).config.backend(BACKEND).servers[0].maxconn == 0


def test_every_limit_of_a_pod_is_shared_by_the_proxies() -> None:
    words = {"pod-maxconn": "10", "pod-minconn": "4", "fullconn": "100", "pod-maxqueue": "7", "slow-start": "20s"}
    limited = replace(LIVE, annotations={f"haproxy.org/{word}": value for word, value in words.items()})
    result = desired(replace(MANIFESTS, services=(limited, LOGIN)), {BACKEND: (pod("p1"),)}, proxies=5)
    (server,) = backend(result).servers
    assert (server.maxconn, server.minconn, server.maxqueue, server.slowstart_s) == (2, 1, 1, 20.0)


def test_the_config_map_named_matchday_holds_for_all_and_others_for_nothing() -> None:
    maps = (
        ConfigMap("other", "default", {"timeout-queue": "9s"}),
        ConfigMap("matchday", "default", {"timeout-queue": "1s", "timeout-client": "7s"}),
    )
    config = desired(replace(MANIFESTS, config_maps=maps)).config
    assert {b.settings.timeouts.queue_s for b in config.backends} == {1.0}
    assert config.timeouts.client_s == 7.0


def test_what_the_manifests_warn_of_is_told_first() -> None:
    slip = Problem(0, ("spec", "prots"), "prots", "no such key; did you mean `ports`?")
    misused = replace(LIVE, annotations={"haproxy.org/pod-maxcon": "4"})
    result = desired(replace(MANIFESTS, services=(misused, LOGIN), warnings=(slip,)))
    assert result.warnings[0] == slip
    assert len(result.warnings) == 2


def test_a_warning_is_given_once_with_its_document() -> None:
    maps = (ConfigMap("matchday", "default", {"timeout-queue": "soon"}, document=3),)
    service = replace(LIVE, annotations={"haproxy.org/check": "perhaps"}, document=1)
    warnings = desired(replace(MANIFESTS, services=(service, LOGIN), config_maps=maps)).warnings
    assert [(w.document, w.path[-1]) for w in warnings] == [(3, "timeout-queue"), (1, "haproxy.org/check")]


def test_two_ingresses_of_one_backend_are_both_heard_and_told_where_they_differ() -> None:
    public = replace(INGRESS, annotations={"haproxy.org/timeout-queue": "1s"}, document=4)
    private = replace(
        INGRESS,
        name="private",
        annotations={"haproxy.org/timeout-queue": "2s", "haproxy.org/allow-list": "10.0.0.0/8"},
        document=5,
    )
    result = desired(replace(MANIFESTS, ingresses=(public, private)))
    settings = backend(result).settings
    assert (settings.timeouts.queue_s, settings.allow) == (1.0, ("10.0.0.0/8",))
    assert {(w.document, w.path[-1]) for w in result.warnings} == {
        (4, "haproxy.org/timeout-queue"),
        (5, "haproxy.org/timeout-queue"),
        (5, "haproxy.org/allow-list"),
    }


def test_plain_requests_are_sent_to_https_only_for_hosts_whose_certificate_is_there() -> None:
    with_tls = Ingress(
        "secure",
        "default",
        (IngressPath("secure.example", "/", "Prefix", BackendRef("live", "http")),),
        tls=(IngressTls(("secure.example",), "cert"), IngressTls(("lost.example",), "missing")),
    )
    manifests = replace(
        MANIFESTS,
        ingresses=(INGRESS, with_tls),
        certificates=(Certificate("default_cert.pem", ("secure.example",), "pem"),),
    )
    redirect = backend(desired(manifests)).settings.https_redirect
    assert (redirect.enabled, redirect.hosts) == (True, ("secure.example",))
    without = backend(desired(replace(manifests, certificates=()))).settings.https_redirect
    assert without.enabled is None

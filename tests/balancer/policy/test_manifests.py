import copy
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.policy.manifests import read_manifests
from balancer.policy.objects import (
    BackendRef,
    ConfigMap,
    Deployment,
    Ingress,
    IngressPath,
    Manifests,
    Probe,
    Service,
    ServicePort,
)

APP = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: live, namespace: tv}
spec:
  replicas: 3
  selector: {matchLabels: {app: live}}
  template:
    metadata: {labels: {app: live, tier: web}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: live
          ports: [{name: http, containerPort: 8080}, {containerPort: 9090}]
          resources: {requests: {cpu: 140m}, limits: {cpu: "1"}}
          readinessProbe: {httpGet: {path: /ready, port: http}, periodSeconds: 1}
        - name: sidecar
          resources: {limits: {cpu: 0.5}}
---
apiVersion: v1
kind: Service
metadata: {name: live, namespace: tv, annotations: {haproxy.org/pod-maxconn: "4"}}
spec:
  selector: {app: live}
  ports: [{name: http, port: 80, targetPort: http}, {port: 81}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: live, namespace: tv}
spec:
  ingressClassName: matchday
  defaultBackend: {service: {name: live, port: {number: 81}}}
  rules:
    - host: tv.example
      http:
        paths:
          - {path: /a, pathType: Exact, backend: {service: {name: live, port: {name: http}}}}
          - {pathType: Prefix, backend: {service: {name: live, port: {number: 80}}}}
    - http: {paths: [{path: /b, pathType: ImplementationSpecific, backend: {service: {name: live, port: {number: 80}}}}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: live, namespace: tv}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: live}
  minReplicas: 2
  maxReplicas: 10
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: matchday}
data: {timeout-queue: 3s}
"""
DOCUMENTS: list[dict[str, Any]] = list(yaml.safe_load_all(APP))


def test_manifests_are_read_as_they_go_to_kubectl() -> None:
    manifests, problems = read_manifests(DOCUMENTS)
    assert problems == ()
    assert manifests.deployments == (
        Deployment(
            name="live",
            namespace="tv",
            replicas=3,
            selector={"app": "live"},
            pod_labels={"app": "live", "tier": "web"},
            ports={"http": 8080},
            first_port=8080,
            cpu_request_milli=640,  # the sidecar's request is its limit
            cpu_limit_milli=1500,
            readiness=Probe(path="/ready", port="http", period_s=1.0),
            termination_grace_s=5.0,
            document=0,
        ),
    )
    ports = (ServicePort("http", 80, "http"), ServicePort(None, 81, 81))
    annotations = {"haproxy.org/pod-maxconn": "4"}
    assert manifests.services == (Service("live", "tv", {"app": "live"}, ports, annotations, 1),)
    assert manifests.ingresses == (
        Ingress(
            "live",
            "tv",
            paths=(
                IngressPath("tv.example", "/a", "Exact", BackendRef("live", "http"), 0, 0),
                IngressPath("tv.example", "/", "Prefix", BackendRef("live", 80), 0, 1),
                IngressPath(None, "/b", "ImplementationSpecific", BackendRef("live", 80), 1, 0),
            ),
            default_backend=BackendRef("live", 81),
            ingress_class="matchday",
            document=2,
        ),
    )
    assert [(hpa.deployment, hpa.spec.max_replicas, hpa.document) for hpa in manifests.autoscalers] == [("live", 10, 3)]
    assert manifests.config_maps == (ConfigMap("matchday", "default", {"timeout-queue": "3s"}, 4),)


def changed(document: int, path: tuple[str | int, ...], value: object) -> list[dict[str, Any]]:
    """The documents with one value replaced."""
    documents = copy.deepcopy(DOCUMENTS)
    at: Any = documents[document]
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return documents


CONTAINER = ("spec", "template", "spec", "containers", 0)
PATH = ("spec", "rules", 0, "http", "paths", 0)


@pytest.mark.parametrize(
    ("document", "path", "value", "allowed"),
    [
        (0, ("kind",), "Deploiment", "one of Deployment, Service, Ingress, HorizontalPodAutoscaler, ConfigMap"),
        (0, ("apiVersion",), "extensions/v1beta1", "apps/v1 for a Deployment"),
        (0, ("metadata", "name"), "Live TV", "a name of lower-case letters, digits, `-` and `.`"),
        (0, ("spec", "replicas"), "3", "a whole number from 0 to 100000"),
        (0, (*CONTAINER, "resources", "requests", "cpu"), "140 m", 'a quantity such as 250m or "1.5", not negative'),
        (0, (*CONTAINER, "ports", 0, "containerPort"), 80800, "a whole number from 1 to 65535"),
        (0, (*CONTAINER, "readinessProbe"), {"exec": {"command": ["true"]}}, "a probe with httpGet or tcpSocket"),
        (1, ("metadata", "annotations", "haproxy.org/pod-maxconn"), 4, "a text, in quotes if it looks like a number"),
        (1, ("spec", "ports"), {"port": 80}, "a list"),
        (2, ("spec", "rules", 0, "host"), "TV.example", "a DNS name in lower case, or `*.` before one"),
        (2, (*PATH, "pathType"), "Regex", "Exact, Prefix or ImplementationSpecific"),
        (2, (*PATH, "path"), "live", "a path of a URL: it begins with / and has no empty, `.` or `..` element"),
        (
            2,
            (*PATH, "path"),
            "/a b\nserver x",
            "a path of a URL: it begins with / and has no empty, `.` or `..` element",
        ),
        (2, (*PATH, "backend", "service", "port"), {}, "a port `name` or `number`"),
        (3, ("spec", "scaleTargetRef"), [], "a mapping"),
        (4, ("data", "timeout-queue"), 3, "a text, in quotes if it looks like a number"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_is_allowed(
    document: int, path: tuple[str | int, ...], value: object, allowed: str
) -> None:
    _, problems = read_manifests(changed(document, path, value))
    assert [(p.document, p.path, p.value, p.allowed) for p in problems][:1] == [(document, path, value, allowed)]


def test_a_wrong_path_costs_only_itself() -> None:
    manifests, problems = read_manifests(changed(2, (*PATH, "path"), "nowhere"))
    assert len(problems) == 1
    assert [path.path for path in manifests.ingresses[0].paths] == ["/", "/b"]


def test_a_wrong_host_never_makes_a_rule_hold_for_every_host() -> None:
    manifests, _ = read_manifests(changed(2, ("spec", "rules", 0, "host"), "*"))
    assert [path.path for path in manifests.ingresses[0].paths] == ["/b"]


def test_the_second_of_two_with_one_name_is_refused() -> None:
    manifests, problems = read_manifests([*DOCUMENTS, DOCUMENTS[1]])
    assert len(manifests.services) == 1
    assert [(p.document, p.path) for p in problems] == [(5, ("metadata", "name"))]
    elsewhere = changed(1, ("metadata", "namespace"), "radio")[1]
    assert read_manifests([*DOCUMENTS, elsewhere])[1] == ()


def test_a_pod_without_cpu_requests_has_none() -> None:
    manifests, problems = read_manifests(changed(0, (*CONTAINER, "resources"), None))
    assert problems == ()
    assert (manifests.deployments[0].cpu_request_milli, manifests.deployments[0].cpu_limit_milli) == (None, None)


@pytest.mark.parametrize(
    ("strategy", "surge", "unavailable"),
    [
        (None, "25%", "25%"),
        ({"type": "RollingUpdate"}, "25%", "25%"),
        ({"rollingUpdate": {"maxSurge": 3, "maxUnavailable": "0%"}}, 3, "0%"),
        ({"rollingUpdate": {"maxUnavailable": 1}}, "25%", 1),
        ({"type": "Recreate"}, 0, "100%"),
    ],
)
def test_a_rolling_update_has_the_surge_and_the_gap_of_its_strategy(
    strategy: object, surge: int | str, unavailable: int | str
) -> None:
    manifests, problems = read_manifests(changed(0, ("spec", "strategy"), strategy))
    assert problems == ()
    assert (manifests.deployments[0].max_surge, manifests.deployments[0].max_unavailable) == (surge, unavailable)


@pytest.mark.parametrize(
    ("strategy", "place", "allowed"),
    [
        ({"type": "BlueGreen"}, ("type",), "RollingUpdate or Recreate"),
        (
            {"rollingUpdate": {"maxSurge": "a few"}},
            ("rollingUpdate", "maxSurge"),
            "a number of pods, or a percentage up to 1000%, such as 25%",
        ),
        (
            {"rollingUpdate": {"maxUnavailable": "101%"}},
            ("rollingUpdate", "maxUnavailable"),
            "a number of pods, or a percentage up to 100%, such as 25%",
        ),
        (
            {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}},
            ("rollingUpdate", "maxUnavailable"),
            "more than 0 where maxSurge is 0",
        ),
    ],
)
def test_a_strategy_that_kubernetes_refuses_is_told_and_the_default_holds(
    strategy: object, place: tuple[str, ...], allowed: str
) -> None:
    manifests, problems = read_manifests(changed(0, ("spec", "strategy"), strategy))
    assert [(p.path, p.allowed) for p in problems] == [(("spec", "strategy", *place), allowed)]
    assert (manifests.deployments[0].max_surge, manifests.deployments[0].max_unavailable) == ("25%", "25%")


def test_a_key_that_looks_misspelt_is_a_warning_and_costs_nothing() -> None:
    manifests, problems = read_manifests(changed(0, (*CONTAINER, "readynessProbe"), {}))
    assert problems == ()
    assert [(w.document, w.path) for w in manifests.warnings] == [(0, (*CONTAINER, "readynessProbe"))]


def test_a_tcp_probe_has_no_path() -> None:
    manifests, _ = read_manifests(changed(0, (*CONTAINER, "readinessProbe"), {"tcpSocket": {"port": 8080}}))
    assert manifests.deployments[0].readiness == Probe(path=None, port=8080)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path] if path else []
    if isinstance(value, Mapping):
        found += [place for key, inner in value.items() for place in places(inner, (*path, key))]
    if isinstance(value, list):
        found += [place for index, inner in enumerate(value) for place in places(inner, (*path, index))]
    return found


@settings(max_examples=300)
@given(st.data())
def test_any_value_at_any_place_gives_problems_and_never_an_exception(data: st.DataObject) -> None:
    document = data.draw(st.integers(0, len(DOCUMENTS) - 1))
    path = data.draw(st.sampled_from(places(DOCUMENTS[document])))
    manifests, _ = read_manifests(changed(document, path, data.draw(anything)))
    assert isinstance(manifests, Manifests)


@given(st.lists(anything, max_size=3))
def test_any_documents_give_problems_and_never_an_exception(documents: list[Any]) -> None:
    manifests, problems = read_manifests(documents)
    assert manifests == Manifests()
    assert {problem.document for problem in problems} == set(range(len(documents)))

from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from balancer.policy.objects import Problem
from balancer.policy.spelling import SHAPES, Shape, explained, misspelt

DEPLOYMENT = """
kind: Deployment
metadata: {name: live, labels: {replicsa: "1"}, annotations: {nam: a}}
spec:
  replcas: 3
  selector: {matchLabels: {replica: a}}
  strategy: {rollingUpdate: {maxSurg: 1}}
  template:
    spec:
      terminationGracePeriodSecond: 5
      containers:
        - name: live
          image: live:1
          readinesProbe: {httpGet: {path: /}}
          resources: {requests: {cup: 100m, memory: 1Gi, nvidia.com/gpu: 1}}
        - readinessProbe: {httpget: {path: /}, httpGet: {prot: 80}, periodSecnds: 1}
          prots: []
"""
SERVICE = "kind: Service\nspec: {selektor: {app: live}, ports: [{port: 80, targetport: http, nodePort: 30000}]}"
INGRESS = """
kind: Ingress
spec:
  rulse: []
  rules: [{hots: a, http: {path: [], paths: [{pathtype: Exact, backend: {servcie: {}, service: {prt: 1}}}]}}]
"""
AUTOSCALER = """
kind: HorizontalPodAutoscaler
spec:
  maxReplica: 3
  scaleTarget: {}
  metrics: [{type: Resource, resource: {target: {averageUtilisation: 50}}}]
  behavior: {scaleup: {}, scaleDown: {stabilisationWindowSeconds: 3, policies: [{periodSecond: 3}]}}
"""


def found(text: str) -> list[tuple[str, str]]:
    document = yaml.safe_load(text)
    problems = list(misspelt(document["kind"], document, 7))
    assert {problem.document for problem in problems} == {7}
    assert [problem.value for problem in problems] == [problem.path[-1] for problem in problems]
    return [(str(problem.value), problem.allowed.partition("mean ")[2]) for problem in problems]


@pytest.mark.parametrize(
    ("text", "slips"),
    [
        (
            DEPLOYMENT,
            [
                ("replcas", "`replicas`?"),
                ("maxSurg", "`maxSurge`?"),
                ("terminationGracePeriodSecond", "`terminationGracePeriodSeconds`?"),
                ("readinesProbe", "`readinessProbe`?"),
                ("httpget", "`httpGet`?"),
                ("prot", "`port`?"),
                ("periodSecnds", "`periodSeconds`?"),
                ("prots", "`ports`?"),
            ],
        ),
        (SERVICE, [("selektor", "`selector`?"), ("targetport", "`targetPort`?")]),
        (
            INGRESS,
            [
                ("rulse", "`rules`?"),
                ("hots", "`host`?"),
                ("path", "`paths`?"),
                ("pathtype", "`pathType`?"),
                ("servcie", "`service`?"),
                ("prt", "`port`?"),
            ],
        ),
        (
            AUTOSCALER,
            [
                ("maxReplica", "`maxReplicas`?"),
                ("scaleTarget", "`scaleTargetRef`?"),
                ("averageUtilisation", "`averageUtilization`?"),
                ("scaleup", "`scaleUp`?"),
                ("stabilisationWindowSeconds", "`stabilizationWindowSeconds`?"),
                ("periodSecond", "`periodSeconds`?"),
            ],
        ),
        ("kind: ConfigMap\ndat: {}\nbinaryData: {}\ndata: {kind_: a}", [("dat", "`data`?")]),
    ],
)
def test_a_slip_is_told_with_the_key_that_was_meant_and_users_own_keys_are_left_alone(
    text: str, slips: list[tuple[str, str]]
) -> None:
    assert found(text) == slips


def test_a_slip_is_told_with_its_place() -> None:
    pod: dict[str, object] = {"containers": [{}, {"readinesProbe": {}}]}
    document: dict[str, object] = {"spec": {"template": {"spec": pod}}}
    (problem,) = misspelt("Deployment", document, 0)
    assert problem.path == ("spec", "template", "spec", "containers", 1, "readinesProbe")
    assert problem.allowed == "no such key; did you mean `readinessProbe`?"


def test_what_is_missing_is_told_with_the_slip_that_stands_in_its_place() -> None:
    slips = list(misspelt("Service", {"spec": {"prots": []}}, 0))
    missing = Problem(0, ("spec", "ports"), None, "a list")
    assert explained(missing, slips).allowed == "a list; is `prots` meant?"
    for other in (replace(missing, document=1), replace(missing, path=("ports",)), replace(missing, value=3)):
        assert explained(other, slips) == other


@pytest.mark.parametrize("key", ["livenesProbe", "hostPorts", "imagePullPolicies", "volumes_", "x-note", "grcp"])
def test_a_slip_of_a_key_we_do_not_read_is_not_our_matter(key: str) -> None:
    container = {key: {}, "ports": [{key: 1}], "readinessProbe": {key: {}}}
    document: dict[str, object] = {"spec": {"template": {"spec": {"containers": [container]}}}}
    assert list(misspelt("Deployment", document, 0)) == []


def whole(shape: Shape) -> dict[str, object]:
    """A mapping with every key Kubernetes knows."""
    keys: dict[str, object] = dict.fromkeys(shape.others, "any")
    return keys | {key: "any" if inner is None else [whole(inner)] for key, inner in shape.read.items()}


@pytest.mark.parametrize("kind", SHAPES)
def test_no_key_that_kubernetes_knows_is_ever_a_slip(kind: str) -> None:
    assert list(misspelt(kind, whole(SHAPES[kind]), 0)) == []


anything = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["spec", "metadata", "port", "ports", "rules", "x"]) | st.integers(), inner)
    ),
    max_leaves=8,
)


@given(st.sampled_from(sorted(SHAPES)), st.dictionaries(st.text(max_size=9) | st.just("spec"), anything, max_size=4))
def test_whatever_the_document_nothing_raises(kind: str, document: dict[str, object]) -> None:
    assert all(problem.value == problem.path[-1] for problem in misspelt(kind, document, 0))

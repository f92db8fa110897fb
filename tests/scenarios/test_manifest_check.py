"""What manifests can say against each other. Whole messages are in test_load.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from balancer.policy.objects import Problem
from scenarios.manifest_check import is_foreign

if TYPE_CHECKING:
    from tests.scenarios.conftest import Copy

SECOND_HPA = """---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: second}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: live}
  maxReplicas: 3
"""
SECOND_DEPLOYMENT = """---
apiVersion: apps/v1
kind: Deployment
metadata: {name: canary}
spec:
  selector: {matchLabels: {app: live}}
  template:
    metadata: {labels: {app: live}}
    spec: {containers: [{name: live, ports: [{name: http, containerPort: 8080}]}]}
"""


def append(quick: Copy, text: str) -> None:
    file = quick.directory / "app.yaml"
    file.write_text(file.read_text() + text)


def allowed(quick: Copy) -> list[tuple[str, str]]:
    """(field, what is allowed) of each mistake."""
    return [(line.split(": ")[1], line.split(": ", 3)[3]) for line in quick.mistakes()]


@pytest.mark.parametrize(
    ("kind", "foreign"),
    [
        ("PodDisruptionBudget", True),
        ("StatefulSet", True),
        ("Deploymnet", False),
        ("deployment", False),
        ("0", False),
        (7, False),
    ],
)
def test_only_the_name_of_another_kind_is_foreign(kind: object, *, foreign: bool) -> None:
    assert is_foreign(Problem(0, ("kind",), kind, "one of ...")) is foreign


def test_two_autoscalers_of_one_deployment_would_fight(quick: Copy) -> None:
    append(quick, SECOND_HPA)
    text = "a Deployment that no other HorizontalPodAutoscaler scales"
    assert allowed(quick) == [("spec.scaleTargetRef.name", text)]


def test_a_service_over_two_deployments_has_no_one_workload(quick: Copy) -> None:
    append(quick, SECOND_DEPLOYMENT)
    (line,) = quick.mistakes()
    text = "spec.selector: {'app': 'live'}: labels of one Deployment's pods, not of several: live, canary"
    assert line.endswith(f": {text}")


def test_names_do_not_reach_into_another_namespace(quick: Copy) -> None:
    quick.edit(
        "app.yaml", "kind: Ingress\nmetadata:\n  name: live", "kind: Ingress\nmetadata:\n  namespace: web\n  name: live"
    )
    ((field, text),) = allowed(quick)
    assert field.endswith("backend.service.name")
    assert text == "the name of a Service in namespace web"


def test_a_default_backend_must_exist_and_serves_what_no_rule_does(quick: Copy) -> None:
    quick.edit("app.yaml", "  rules:", "  defaultBackend: {service: {name: live, port: {number: 80}}}\n  rules:")
    quick.edit("scenario.yaml", "host: tv.example", "host: elsewhere.example")
    assert quick.load().warnings == ()
    quick.edit("app.yaml", "port: {number: 80}", "port: {number: 81}")
    assert allowed(quick) == [("spec.defaultBackend.service.port.number", "a port of that Service: http")]


def test_a_limit_stands_in_for_the_request_that_is_left_out(quick: Copy) -> None:
    quick.edit("app.yaml", "requests: {cpu: 115m}, ", "")
    assert quick.load().manifests.deployments[0].cpu_request_milli == 1000


def test_a_request_of_nothing_has_no_percentage(quick: Copy) -> None:
    quick.edit("app.yaml", "requests: {cpu: 115m}", "requests: {cpu: 0}")
    assert [text.partition(",")[0] for _, text in allowed(quick)] == ["a request above 0"]


def test_an_autoscaler_on_an_absolute_value_needs_no_request(quick: Copy) -> None:
    quick.edit("app.yaml", 'requests: {cpu: 115m}, limits: {cpu: "1"}', "")
    quick.edit("app.yaml", "{type: Utilization, averageUtilization: 60}", "{type: AverageValue, averageValue: 70m}")
    assert quick.load().warnings == ()


CPU = "{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}"
EXTERNAL = "{type: External, external: {metric: {name: NAME}, target: {type: AverageValue, averageValue: 5}}}"
OBJECT = (
    "{type: Object, object: {metric: {name: NAME}, describedObject: {apiVersion: v1, kind: Service, name: live}, "
    "target: {type: Value, value: 5}}}"
)
PODS = "{type: Pods, pods: {metric: {name: NAME}, target: {type: AverageValue, averageValue: 5}}}"
RATE, QUEUE, IN_FLIGHT = "matchday_requests_per_second", "matchday_queue_length", "matchday_in_flight"
OF_PODS = f"{RATE} or {IN_FLIGHT}"
OF_ALL = f"{RATE} or {QUEUE} or {IN_FLIGHT}"


@pytest.mark.parametrize(
    ("metric", "name"),
    [(kind, name) for kind in (EXTERNAL, OBJECT) for name in (RATE, QUEUE, IN_FLIGHT)]
    + [(PODS, RATE), (PODS, IN_FLIGHT)],
)
def test_what_the_model_measures_can_be_scaled_on(quick: Copy, metric: str, name: str) -> None:
    quick.edit("app.yaml", CPU, metric.replace("NAME", name))
    assert quick.load().warnings == ()


@pytest.mark.parametrize(
    ("metric", "name", "text"),
    [
        (
            EXTERNAL,
            "matchday_queue_lenght",
            f"{OF_ALL}; any other metric counts as unavailable; did you mean `{QUEUE}`?",
        ),
        (OBJECT, "kafka_lag", f"{OF_ALL}; any other metric counts as unavailable"),
        (PODS, QUEUE, f"of kind External or Object, or {OF_PODS}; as it is, it counts as unavailable"),
        (PODS, "http_requests", f"{OF_PODS}; any other metric counts as unavailable"),
    ],
)
def test_a_metric_nobody_measures_is_a_warning_with_what_could_be(
    quick: Copy, metric: str, name: str, text: str
) -> None:
    quick.edit("app.yaml", CPU, metric.replace("NAME", name))
    line = quick.line("app.yaml", name)
    assert quick.load().warnings == (f"{quick.directory}/app.yaml:{line}: spec.metrics[0]: {name}: {text}",)

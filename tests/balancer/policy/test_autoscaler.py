import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.policy.autoscaler import read_autoscaler
from balancer.policy.hpa import Metric, ScalingPolicy

GOOD: dict[str, Any] = {
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "web"},
    "spec": {
        "scaleTargetRef": {"kind": "Deployment", "name": "web"},
        "minReplicas": 2,
        "maxReplicas": 10,
        "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 60}}},
            {"type": "External", "external": {"metric": {"name": "rps"}, "target": {"averageValue": "500m"}}},
        ],
        "behavior": {
            "scaleDown": {
                "stabilizationWindowSeconds": 10,
                "selectPolicy": "Min",
                "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
            }
        },
    },
}


def test_everything_written_is_read() -> None:
    autoscaler, problems = read_autoscaler(GOOD, 3)
    assert problems == ()
    assert autoscaler is not None
    assert (autoscaler.name, autoscaler.deployment, autoscaler.document) == ("web", "web", 3)
    assert (autoscaler.spec.min_replicas, autoscaler.spec.max_replicas) == (2, 10)
    assert autoscaler.spec.metrics == (
        Metric("Resource", "cpu", utilization_percent=60),
        Metric("External", "rps", average_milli=500),
    )
    assert autoscaler.spec.behavior is not None
    down = autoscaler.spec.behavior.scale_down
    assert down is not None
    assert (down.stabilization_s, down.select) == (10, "Min")
    assert down.policies == (ScalingPolicy("Pods", 1, 60),)
    assert autoscaler.spec.behavior.scale_up is None


def test_what_is_left_out_is_kubernetes_default() -> None:
    document = copy.deepcopy(GOOD)
    for name in ("minReplicas", "metrics", "behavior"):
        del document["spec"][name]
    autoscaler, problems = read_autoscaler(document, 0)
    assert problems == ()
    assert autoscaler is not None
    assert autoscaler.spec.min_replicas == 1
    assert autoscaler.spec.metrics == (Metric("Resource", "cpu", utilization_percent=80),)
    assert autoscaler.spec.behavior is None


@pytest.mark.parametrize(
    ("break_it", "path"),
    [
        (lambda s: s.pop("maxReplicas"), ("spec", "maxReplicas")),
        (lambda s: s.update(minReplicas=11), ("spec", "minReplicas")),
        (lambda s: s["scaleTargetRef"].update(kind="StatefulSet"), ("spec", "scaleTargetRef", "kind")),
        (lambda s: s["metrics"][0].update(type="ContainerResource"), ("spec", "metrics", 0, "type")),
        (lambda s: s["metrics"][0]["resource"].update(target={}), ("spec", "metrics", 0, "resource", "target")),
        (
            lambda s: s["behavior"]["scaleDown"].update(selectPolicy="Most"),
            ("spec", "behavior", "scaleDown", "selectPolicy"),
        ),
        (
            lambda s: s["behavior"]["scaleDown"]["policies"][0].update(value=0),
            ("spec", "behavior", "scaleDown", "policies", 0, "value"),
        ),
    ],
)
def test_a_mistake_is_a_problem_at_its_place(
    break_it: Callable[[dict[str, Any]], Any], path: tuple[str | int, ...]
) -> None:
    document = copy.deepcopy(GOOD)
    break_it(document["spec"])
    _, problems = read_autoscaler(document, 0)
    assert [problem.path for problem in problems] == [path]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "spec",
                    "metadata",
                    "name",
                    "metrics",
                    "behavior",
                    "scaleUp",
                    "type",
                    "resource",
                    "target",
                    "maxReplicas",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["metadata", "spec", "kind"]), JSON))
def test_no_json_raises(document: dict[str, Any]) -> None:
    autoscaler, problems = read_autoscaler(document, 0)
    assert autoscaler is not None or problems

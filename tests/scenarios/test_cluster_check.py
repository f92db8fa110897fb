"""Nodes and disturbances against the manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.scenarios.conftest import Copy


def rest(quick: Copy) -> list[str]:
    """Each mistake without its file and line."""
    return [line.split(": ", 1)[1] for line in quick.mistakes()]


def with_nodes(quick: Copy, nodes: str) -> None:
    quick.edit("scenario.yaml", "cluster: {", f"cluster: {{nodes: {nodes}, ")


def with_disturbance(quick: Copy, what: str) -> None:
    quick.edit("scenario.yaml", "cost:", f"disturbances:\n  - {{at: 30s, {what}}}\ncost:")


def test_nodes_with_room_for_each_pod_are_good(quick: Copy) -> None:
    with_nodes(quick, "{count: 2, cpu: 0.115, max: 4, zones: 3}")
    assert quick.load().warnings == ()


@pytest.mark.parametrize(
    ("nodes", "mistake"),
    [
        ("{count: 3, cpu: 2, max: 2}", "cluster.nodes.max: 2: at least `count`, 3"),
        ("{count: 3, cpu: 2, zones: 4}", "cluster.nodes.zones: 4: at most 3, all the nodes there can ever be"),
        (
            "{count: 3, cpu: 0.1}",
            "spec.template.spec.containers: 115m of CPU: requests of at most 100m, an empty node of cluster.nodes",
        ),
    ],
)
def test_nodes_that_could_not_do_are_named(quick: Copy, nodes: str, mistake: str) -> None:
    with_nodes(quick, nodes)
    assert rest(quick) == [mistake]


def test_a_pod_on_a_node_says_how_much_of_it_it_needs(quick: Copy) -> None:
    with_nodes(quick, "{count: 3, cpu: 2}")
    quick.edit("app.yaml", 'requests: {cpu: 115m}, limits: {cpu: "1"}', "")
    quick.edit("app.yaml", "{type: Utilization, averageUtilization: 60}", "{type: AverageValue, averageValue: 70m}")
    text = "missing: a request, since cluster.nodes have room for so much only"
    assert rest(quick) == [f"spec.template.spec.containers[0].resources.requests.cpu: {text}"]


@pytest.mark.parametrize("nodes", [None, "{count: 3, cpu: 2}"])
def test_a_zone_can_only_fail_where_there_is_another(quick: Copy, nodes: str | None) -> None:
    with_disturbance(quick, "zone: {duration: 10s}")
    if nodes:
        with_nodes(quick, nodes)
    assert rest(quick) == ["disturbances[0].zone: zone: only with cluster.nodes in at least 2 zones"]


def test_a_zone_of_two_may_fail(quick: Copy) -> None:
    with_disturbance(quick, "zone: {duration: 10s}")
    with_nodes(quick, "{count: 2, cpu: 4, zones: 2}")
    assert len(quick.load().scenario.disturbances) == 1


def test_a_rollout_is_of_a_deployment_of_the_manifests(quick: Copy) -> None:
    with_disturbance(quick, "rollout: life")
    assert rest(quick) == ["disturbances[0].rollout: life: the name of one Deployment: live; did you mean `live`?"]
    quick.edit("scenario.yaml", "rollout: life", "rollout: live")
    assert len(quick.load().scenario.disturbances) == 1


def test_no_more_pods_are_slowed_than_there_can_be(quick: Copy) -> None:
    with_disturbance(quick, "slow: {pods: 11, factor: 3, duration: 5s}")
    assert rest(quick) == ["disturbances[0].slow.pods: 11: at most 10, all the pods there can ever be"]


def test_no_more_pods_are_killed_than_there_can_be(quick: Copy) -> None:
    with_disturbance(quick, "kill: 11")
    assert rest(quick) == ["disturbances[0].kill: 11: at most 10, all the pods there can ever be"]


@pytest.mark.parametrize("what", ["reload: true", "metrics_outage: 5s", "api_outage: 5s"])
def test_other_disturbances_need_nothing(quick: Copy, what: str) -> None:
    with_disturbance(quick, what)
    assert len(quick.load().scenario.disturbances) == 1

"""The cluster of scenario.yaml against the manifests: nodes that have room, disturbances that have something to hit."""

from __future__ import annotations

from balancer.policy.objects import Manifests
from scenarios.manifest_check import CONTAINERS, without_request
from scenarios.mistakes import Mistakes, near_miss
from scenarios.schema import KillDisturbance, RolloutDisturbance, Scenario, SlowDisturbance, ZoneDisturbance
from scenarios.yaml_marks import FieldPath


def check_nodes(scenario: Scenario, manifests: Manifests, mistakes: Mistakes) -> None:
    """The nodes by themselves, and whether each pod finds room on an empty one."""
    nodes = scenario.cluster.nodes
    if nodes is None:
        return
    most = nodes.count if nodes.max is None else nodes.max
    if most < nodes.count:
        mistakes.scenario(("cluster", "nodes", "max"), most, f"at least `count`, {nodes.count}")
    elif nodes.zones > most:
        allowed = f"at most {most}, all the nodes there can ever be"
        mistakes.scenario(("cluster", "nodes", "zones"), nodes.zones, allowed)
    for deployment in manifests.deployments:
        milli = deployment.cpu_request_milli
        if milli is None:
            at: FieldPath = (*CONTAINERS, *without_request(mistakes.raw(deployment.document)))
            mistakes.manifest(
                deployment.document, at, None, "a request, since cluster.nodes have room for so much only"
            )
        elif milli > nodes.cpu * 1000:
            allowed = f"requests of at most {nodes.cpu * 1000:g}m, an empty node of cluster.nodes"
            mistakes.manifest(deployment.document, CONTAINERS, f"{milli}m of CPU", allowed)


def check_disturbances(scenario: Scenario, manifests: Manifests, mistakes: Mistakes) -> None:
    """What disturbances hit against what there can ever be."""
    most = {(d.namespace, d.name): d.replicas for d in manifests.deployments}
    for hpa in manifests.autoscalers:
        most[hpa.namespace, hpa.deployment] = max(most[hpa.namespace, hpa.deployment], hpa.spec.max_replicas)
    pods = sum(most.values())
    names = [name for _, name in most]
    nodes = scenario.cluster.nodes
    for index, disturbance in enumerate(scenario.disturbances):
        at: FieldPath = ("disturbances", index)
        all_pods = f"at most {pods}, all the pods there can ever be"
        if isinstance(disturbance, KillDisturbance) and disturbance.kill > pods:
            mistakes.scenario((*at, "kill"), disturbance.kill, all_pods)
        if isinstance(disturbance, SlowDisturbance) and disturbance.slow.pods > pods:
            mistakes.scenario((*at, "slow", "pods"), disturbance.slow.pods, all_pods)
        if isinstance(disturbance, ZoneDisturbance) and (nodes is None or nodes.zones < 2):
            mistakes.scenario((*at, "zone"), "zone", "only with cluster.nodes in at least 2 zones")
        if isinstance(disturbance, RolloutDisturbance) and names.count(disturbance.rollout) != 1:
            allowed = f"the name of one Deployment: {', '.join(names)}{near_miss(disturbance.rollout, names)}"
            mistakes.scenario((*at, "rollout"), disturbance.rollout, allowed)

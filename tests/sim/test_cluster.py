from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.load import load_scenario
from sim.cluster import client_addresses, cluster_of, first_replicas

QUICK = Path(__file__).parents[2] / "scenarios" / "quick"


def test_the_quick_scenarios_manifests_become_a_cluster() -> None:
    cluster = cluster_of(load_scenario(QUICK))
    (backend,) = cluster.config.backends
    assert cluster.deployment_of == {backend.name: "live"}
    assert cluster.replicas == {"live": 2}
    assert [name for name, _ in cluster.autoscalers] == ["live"]
    assert backend.settings.balance.algorithm == "leastconn"
    assert backend.settings.pod_maxconn == 4
    assert len(cluster.addresses) == 1


@pytest.mark.parametrize(("replicas", "first"), [(1, 2), (5, 5), (50, 10)])
def test_replicas_of_time_zero_lie_within_the_autoscalers_bounds(replicas: int, first: int) -> None:
    from dataclasses import replace

    manifests = load_scenario(QUICK).manifests
    deployment = replace(manifests.deployments[0], replicas=replicas)
    assert first_replicas(manifests, deployment) == first
    assert first_replicas(replace(manifests, autoscalers=()), deployment) == replicas


def test_each_client_has_an_address_of_its_own() -> None:
    addresses = client_addresses(60_000)
    assert len(set(addresses)) == 60_000
    assert all(0 <= int(part) < 256 for address in addresses[::997] for part in address.split("."))
    assert client_addresses(1) == ("127.0.0.1",)

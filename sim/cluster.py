"""What the manifests say, as the model needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from balancer.policy.config import ProxyConfig
from balancer.policy.desired import backend_deployment, desired_config
from balancer.policy.hpa import HpaSpec
from balancer.policy.objects import Deployment, Manifests
from scenarios.load import LoadedScenario


@dataclass(frozen=True)
class Cluster:
    """The proxies and the Deployments behind them.

    deployment_of   the Deployment of each backend, both by name
    replicas        pods at time zero, by Deployment
    autoscalers     (Deployment, HPA)
    addresses       source address of each client
    proxies         HAProxy pods
    weights         weight of the k-th pod that starts, over and over again; 100 when empty
    """

    config: ProxyConfig
    deployment_of: Mapping[str, str]
    deployments: tuple[Deployment, ...]
    replicas: Mapping[str, int]
    autoscalers: tuple[tuple[str, HpaSpec], ...]
    addresses: tuple[str, ...]
    proxies: int = 1
    weights: tuple[int, ...] = ()

    def weight_of(self, ordinal: int) -> int:
        """The weight of a pod in every backend."""
        return self.weights[ordinal % len(self.weights)] if self.weights else 100


def cluster_of(loaded: LoadedScenario) -> Cluster:
    """The cluster of a scenario, before its first request."""
    manifests = loaded.manifests
    config = desired_config(manifests, {}, bind_address="127.0.0.1", bind_port=80).config
    return Cluster(
        config=config,
        deployment_of={backend.name: backend_deployment(manifests, backend.name).name for backend in config.backends},
        deployments=manifests.deployments,
        replicas={deployment.name: first_replicas(manifests, deployment) for deployment in manifests.deployments},
        autoscalers=tuple((hpa.deployment, hpa.spec) for hpa in manifests.autoscalers),
        addresses=client_addresses(loaded.scenario.traffic.clients),
        proxies=loaded.scenario.cluster.proxies,
    )


def first_replicas(manifests: Manifests, deployment: Deployment) -> int:
    """Replicas before the surge: the manifest's, moved into its HPA's bounds."""
    for hpa in manifests.autoscalers:
        if hpa.deployment == deployment.name:
            return min(max(deployment.replicas, hpa.spec.min_replicas), hpa.spec.max_replicas)
    return deployment.replicas


def client_addresses(clients: int) -> tuple[str, ...]:
    """The loopback addresses that the generator sends from: the system's own choice when it is a single client."""
    if clients == 1:
        return ("127.0.0.1",)
    return tuple(f"127.0.{1 + client // 250}.{1 + client % 250}" for client in range(clients))

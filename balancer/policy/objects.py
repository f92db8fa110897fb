"""Kubernetes objects as frozen values: the parts that proxy, controller, local target and model read.

`balancer.policy.manifests.read_manifests` makes them from parsed YAML or API JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from balancer.policy.config import Certificate, PathType, User
from balancer.policy.hpa import HpaSpec


@dataclass(frozen=True)
class Problem:
    """A mistake at one place of one document: what stands there and what is allowed.

    `path` leads to the field (`("spec", "rules", 0, "host")`); `document` counts from 0 in the order read.
    """

    document: int
    path: tuple[str | int, ...]
    value: object
    allowed: str

    def __hash__(self) -> int:
        """Whatever stands there: also lists and mappings."""
        return hash((self.document, self.path, repr(self.value), self.allowed))


@dataclass(frozen=True)
class Probe:
    """A readiness probe. `path` None means a TCP connect. All times in seconds."""

    path: str | None = "/ready"
    port: int | str | None = None
    initial_delay_s: float = 0.0
    period_s: float = 10.0
    timeout_s: float = 1.0
    success_threshold: int = 1
    failure_threshold: int = 3


@dataclass(frozen=True)
class Deployment:
    """A Deployment. CPU in milli-cores summed over its containers; None where any container leaves it out.

    `max_surge` and `max_unavailable` of a rolling update are pods, or "N%" of the wanted ones.
    """

    name: str
    namespace: str
    replicas: int
    selector: Mapping[str, str]
    pod_labels: Mapping[str, str]
    ports: Mapping[str, int]
    first_port: int | None
    cpu_request_milli: int | None
    cpu_limit_milli: int | None
    readiness: Probe | None
    termination_grace_s: float = 30.0
    max_surge: int | str = "25%"
    max_unavailable: int | str = "25%"
    document: int = 0


@dataclass(frozen=True)
class ServicePort:
    """One port of a Service; `target` is a number or the name of a container port."""

    name: str | None
    port: int
    target: int | str


@dataclass(frozen=True)
class Service:
    """A Service: which pods, which ports, which annotations. `external_name` is a DNS name that it only points to."""

    name: str
    namespace: str
    selector: Mapping[str, str]
    ports: tuple[ServicePort, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)
    document: int = 0
    external_name: str | None = None


@dataclass(frozen=True)
class BackendRef:
    """What an Ingress path points at; `port` is the Service's port number or name."""

    service: str
    port: int | str


@dataclass(frozen=True)
class IngressPath:
    """One host and path of an Ingress; `rule` and `index` say where it stood (spec.rules[rule].http.paths[index])."""

    host: str | None
    path: str
    path_type: PathType
    backend: BackendRef
    rule: int = 0
    index: int = 0


@dataclass(frozen=True)
class IngressTls:
    """For which hosts an Ingress has a certificate, and the Secret it is in; None where it names none."""

    hosts: tuple[str, ...]
    secret: str | None


@dataclass(frozen=True)
class Ingress:
    """An Ingress: rules in their order, its annotations, its default backend, its certificates."""

    name: str
    namespace: str
    paths: tuple[IngressPath, ...]
    default_backend: BackendRef | None = None
    ingress_class: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    document: int = 0
    tls: tuple[IngressTls, ...] = ()


@dataclass(frozen=True)
class Autoscaler:
    """A HorizontalPodAutoscaler and the Deployment it scales."""

    name: str
    namespace: str
    deployment: str
    spec: HpaSpec
    document: int = 0


@dataclass(frozen=True)
class ConfigMap:
    """A ConfigMap; the one named `matchday` holds cluster-wide defaults in the annotations' words without prefix."""

    name: str
    namespace: str
    data: Mapping[str, str]
    document: int = 0


@dataclass(frozen=True)
class Manifests:
    """All objects of a scenario or a cluster, in the order read; `warnings` are keys that look misspelt.

    `certificates` are those of the Ingresses' TLS Secrets, `users` those of their Secrets with passwords (by namespace
    and name), where somebody can read Secrets.
    """

    deployments: tuple[Deployment, ...] = ()
    services: tuple[Service, ...] = ()
    ingresses: tuple[Ingress, ...] = ()
    autoscalers: tuple[Autoscaler, ...] = ()
    config_maps: tuple[ConfigMap, ...] = ()
    warnings: tuple[Problem, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    users: Mapping[tuple[str, str], tuple[User, ...]] = field(default_factory=dict)

    @cached_property
    def service_of(self) -> Mapping[tuple[str, str], Service]:
        """Services by namespace and name."""
        return {(service.namespace, service.name): service for service in reversed(self.services)}


@dataclass(frozen=True)
class Endpoint:
    """A pod's address behind a Service. `serving` False means: let requests finish, send no new ones (drain)."""

    name: str
    address: str
    port: int
    serving: bool = True

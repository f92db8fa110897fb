"""EndpointSlices → the endpoints of a Service's port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from balancer.kube.api import Json
from balancer.policy.objects import Endpoint

_SERVICE_LABEL = "kubernetes.io/service-name"


@dataclass(frozen=True)
class SliceEndpoint:
    """An address in a slice and what Kubernetes says of it; `name` is the pod's where there is one."""

    name: str
    address: str
    node: str
    ready: bool
    serving: bool
    terminating: bool


@dataclass(frozen=True)
class Slice:
    """One EndpointSlice; `ports` by their names, "" for the one without."""

    ports: Mapping[str, int]
    endpoints: tuple[SliceEndpoint, ...]
    ipv6: bool


def service_of(found: Json) -> tuple[str, str] | None:
    """Namespace and name of the Service a slice belongs to; None for a slice of nobody's."""
    name = (found["metadata"].get("labels") or {}).get(_SERVICE_LABEL)
    return (found["metadata"].get("namespace", ""), name) if isinstance(name, str) else None


def read_slice(found: Json) -> Slice:
    """A slice as the API gives it; names instead of addresses (type FQDN) are left out."""
    ports = {port.get("name") or "": port["port"] for port in found.get("ports") or () if port.get("port")}
    kind = found.get("addressType")
    endpoints = () if kind == "FQDN" else tuple(map(_endpoint, found.get("endpoints") or ()))
    return Slice(ports, endpoints, kind == "IPv6")


def _endpoint(found: Json) -> SliceEndpoint:
    conditions = found.get("conditions") or {}
    target = found.get("targetRef") or {}
    address = found["addresses"][0]
    # Source: Kubernetes API, EndpointConditions: nil is true for ready and serving, false for terminating.
    ready = conditions.get("ready") is not False
    return SliceEndpoint(
        name=target.get("name") or address,
        address=address,
        node=found.get("nodeName") or "",
        ready=ready,
        serving=ready if conditions.get("serving") is None else bool(conditions["serving"]),
        terminating=bool(conditions.get("terminating")),
    )


def endpoints(slices: Mapping[str, Slice], port: str) -> tuple[Endpoint, ...]:
    """Who serves the port (its name, or its number where it has none), in the order of their names, IPv4 before IPv6.

    A pod on its way out that still serves is drained, unless nobody else is there; one that is not ready is left out.
    """
    found: dict[str, tuple[SliceEndpoint, int]] = {}
    for each in sorted(slices.values(), key=lambda entry: entry.ipv6):
        number = each.ports.get(port, each.ports.get(""))
        if number is not None:
            for endpoint in each.endpoints:
                if endpoint.ready or endpoint.serving:
                    found.setdefault(endpoint.name, (endpoint, number))
    return tuple(_by_name(found))


def _by_name(found: Mapping[str, tuple[SliceEndpoint, int]]) -> Iterator[Endpoint]:
    anyone = any(_is_wanted(endpoint) for endpoint, _ in found.values())
    for name, (endpoint, port) in sorted(found.items()):
        if _is_wanted(endpoint) or endpoint.terminating:
            yield Endpoint(name, endpoint.address, port, _is_wanted(endpoint) or not anyone)


def _is_wanted(endpoint: SliceEndpoint) -> bool:
    return endpoint.ready and not endpoint.terminating

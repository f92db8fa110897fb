"""Which cluster, and where its controller is reached from this machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from balancer.kube.api import Api, ApiError, ReadsAndWrites, connect
from matchday.errors import EnvironmentFailedError
from matchday.targets.kind.cluster import context_of, published
from matchday.targets.kind.context import known_context
from matchday.targets.kind.programs import need
from scenarios.errors import ScenarioError

CONTROLLER_NAMESPACE, CONTROLLER = "matchday", "matchday-balancer"
_KIND = context_of("")


@dataclass(frozen=True)
class Reach:
    """A context (None: the kind cluster that `matchday up` makes), an address if the user names one."""

    context: str | None
    address: str | None
    owned: bool

    @property
    def name(self) -> str:
        """The context's."""
        return self.context or context_of("matchday")

    def check(self) -> None:
        """ScenarioError for a context that is not there, or an address that is none."""
        known_context(self.name)
        if self.address is not None:
            _host(self.address)

    def connect(self) -> Api:
        """The API server. EnvironmentFailedError when our controller is not in the cluster."""
        api = connect(context=self.name)
        try:
            api.get(f"/apis/apps/v1/namespaces/{CONTROLLER_NAMESPACE}/deployments/{CONTROLLER}")
        except ApiError as error:
            if error.status != 404:
                raise
            raise EnvironmentFailedError(f"{self.name} has no controller of ours: run `matchday up` first") from error
        return api

    def find(self, api: ReadsAndWrites) -> str:
        """HOST:PORT. ScenarioError for a host that may be somebody else's, EnvironmentFailedError when there is none."""
        service = api.get(f"/api/v1/namespaces/{CONTROLLER_NAMESPACE}/services/{CONTROLLER}")
        if self.address is not None:
            return permitted(self.address, ingress_addresses(service), owned=self.owned)
        if self.name.startswith(_KIND):
            need("docker")
            found = published(self.name.removeprefix(_KIND))
            if found is not None:
                return found
        for address in ingress_addresses(service):
            return f"{address}:80"
        raise EnvironmentFailedError(
            f"nothing says where the controller of {self.name} is reached from here: name it with --address HOST:PORT"
        )


def ingress_addresses(service: Mapping[str, Any]) -> tuple[str, ...]:
    """The addresses at which a Service of type LoadBalancer is reached from outside."""
    entries = service.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
    return tuple(str(entry["ip"]) for entry in entries if "ip" in entry)


def permitted(address: str, ingress: tuple[str, ...], *, owned: bool) -> str:
    """The address. ScenarioError unless its host is loopback, the context's own, or said to be the user's."""
    host = _host(address)
    if host.is_loopback or str(host) in ingress or owned:
        return address
    raise ScenarioError(
        f"--address: {address}: a loopback address or one of the context's own ({', '.join(ingress) or 'it has none'}); "
        "for any other host, --i-own-this-host"
    )


def _host(address: str) -> ipaddress.IPv4Address:
    host, _, port = address.rpartition(":")
    try:
        if port.isdecimal():
            return ipaddress.IPv4Address(host)
    except ValueError as error:
        raise ScenarioError(f"--address: {address}: an IPv4 address and a port, such as 127.0.0.1:8080") from error
    raise ScenarioError(f"--address: {address}: an IPv4 address and a port, such as 127.0.0.1:8080")

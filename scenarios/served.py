"""Which backend and Deployment a request or a call ends at, as the Ingresses have it."""

from __future__ import annotations

from dataclasses import dataclass

from balancer.policy.config import Route
from balancer.policy.desired import backend_deployment, without_servers
from balancer.policy.objects import Manifests
from balancer.policy.routing import match


@dataclass(frozen=True)
class Served:
    """What the Ingresses of consistent manifests serve."""

    manifests: Manifests
    table: tuple[Route, ...]
    default_backend: str | None

    @classmethod
    def by(cls, manifests: Manifests) -> Served:
        """Read the Ingresses once."""
        config = without_servers(manifests, bind_address="127.0.0.1", bind_port=80).config
        return cls(manifests, config.routes, config.default_backend)

    def deployment(self, host: str, path: str) -> tuple[str, str] | None:
        """(namespace, name) of the Deployment behind a host and path; None when no Ingress serves them."""
        route = match(self.table, host, path)
        backend = self.default_backend if route is None else route.backend
        if backend is None:
            return None
        found = backend_deployment(self.manifests, backend)
        return found.namespace, found.name

    def allowed(self) -> str:
        """What to ask for instead."""
        served = ", ".join(f"{r.host or '*'}{r.path}" for r in self.table[:4]) or "nothing, there is no Ingress"
        return f"what an Ingress serves: {served}" + (", ..." if len(self.table) > 4 else "")

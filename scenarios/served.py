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
    hashed: frozenset[str] = frozenset()
    """Backends that pick a server by a hash of the request's own text."""

    @classmethod
    def by(cls, manifests: Manifests) -> Served:
        """Read the Ingresses once."""
        config = without_servers(manifests, bind_address="127.0.0.1", bind_port=80).config
        hashed = {b.name for b in config.backends if b.settings.balance.algorithm in {"uri", "url_param", "hdr"}}
        return cls(manifests, config.routes, config.default_backend, frozenset(hashed))

    def deployment(self, host: str, path: str) -> tuple[str, str] | None:
        """(namespace, name) of the Deployment behind a host and path; None when no Ingress serves them."""
        backend = self.backend(host, path)
        if backend is None:
            return None
        found = backend_deployment(self.manifests, backend)
        return found.namespace, found.name

    def backend(self, host: str, path: str) -> str | None:
        """The name of the backend behind a host and path."""
        route = match(self.table, host, path)
        return self.default_backend if route is None else route.backend

    def looks_beyond(self, path: str) -> bool:
        """Whether some route looks further into a path than to its first name in braces."""
        before, brace, _ = path.partition("{")
        return bool(brace) and any(len(r.path) > len(before) and r.path.startswith(before) for r in self.table)

    def allowed(self) -> str:
        """What to ask for instead."""
        served = ", ".join(f"{r.host or '*'}{r.path}" for r in self.table[:4]) or "nothing, there is no Ingress"
        return f"what an Ingress serves: {served}" + (", ..." if len(self.table) > 4 else "")

"""Contexts of the kubeconfig, as the user names them."""

from __future__ import annotations

from balancer.kube.api import contexts
from scenarios.errors import ScenarioError


def known_context(context: str) -> str:
    """The same. ScenarioError with the known ones when the kubeconfig has no such context."""
    known = contexts()
    if context not in known:
        raise ScenarioError(f"--context: {context}: one of {', '.join(known) or 'none: the kubeconfig has no context'}")
    return context

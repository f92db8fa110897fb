"""Contexts of the kubeconfig, as the user names them."""

from __future__ import annotations

import time

from balancer.kube.api import contexts
from scenarios.errors import ScenarioError

# kind and kubectl write the kubeconfig in place, so that for a moment there is nothing in it.
_TRIES, _PAUSE_S = 5, 0.1


def known_context(context: str) -> str:
    """The same. ScenarioError with the known ones when the kubeconfig has no such context."""
    for _ in range(_TRIES):
        known = contexts()
        if context in known:
            return context
        time.sleep(_PAUSE_S)
    raise ScenarioError(f"--context: {context}: one of {', '.join(known) or 'none: the kubeconfig has no context'}")

"""Contexts of the kubeconfig, as the user names them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import yaml

from scenarios.errors import ScenarioError

# kind and kubectl write the kubeconfig in place, so that for a moment there is nothing in it.
_TRIES, _PAUSE_S = 5, 0.1


def contexts() -> tuple[str, ...]:
    """All names, from every file of KUBECONFIG; also where none of them is the current one. Files that fail have none."""
    files = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    return tuple(name for file in files.split(os.pathsep) if file for name in _names(Path(file)))


def _names(file: Path) -> tuple[str, ...]:
    try:
        found = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError):
        return ()
    entries = found.get("contexts") if isinstance(found, dict) else None
    return tuple(str(entry["name"]) for entry in entries or ())


def known_context(context: str) -> str:
    """The same. ScenarioError with the known ones when the kubeconfig has no such context."""
    for _ in range(_TRIES):
        known = contexts()
        if context in known:
            return context
        time.sleep(_PAUSE_S)
    raise ScenarioError(f"--context: {context}: one of {', '.join(known) or 'none: the kubeconfig has no context'}")

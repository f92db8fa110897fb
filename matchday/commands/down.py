"""`matchday down`: removes what `matchday up` made, and nothing else."""

from __future__ import annotations

import json

from balancer.kube.api import connect
from matchday.display import Display
from matchday.targets.kind import cluster as kind
from matchday.targets.kind.context import known_context
from matchday.targets.kind.install import Installation
from matchday.targets.kind.programs import need
from matchday.targets.kube.namespace import remove_stale


def run(name: str, context: str | None, *, as_json: bool) -> int:
    """Remove the kind cluster, or from a named context only what was installed there; a second time does nothing."""
    display = Display(as_json=as_json)
    removed = _down_here(display, name) if context is None else _down_there(display, context)
    if as_json:
        print(json.dumps({"removed": removed}, indent=1))
    return 0


def _down_here(display: Display, name: str) -> list[str]:
    need("docker", "kind", "kubectl")
    if name not in kind.clusters():
        display.say(f"there is no kind cluster {name}")
        return []
    kind.refuse_foreign(name)
    with display.stage("remove", f"kind cluster {name}"):
        kind.delete(name)
    display.say(f"kind cluster {name} removed")
    return [f"kind cluster {name}"]


def _down_there(display: Display, context: str) -> list[str]:
    need("kubectl")
    known_context(context)
    installation = Installation(display, context)
    installation.refuse_foreign()
    removed = [f"namespace {stale}" for stale in remove_stale(connect(context=context), age_s=0.0)]
    if installation.mark() is None:
        display.say(f"{context} has nothing that matchday installed")
    else:
        installation.remove()
        removed.append("controller")
    for what in removed:
        display.say(f"{what} removed")
    return removed

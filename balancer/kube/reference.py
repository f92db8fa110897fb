"""Which object of a cluster is meant, and who we are to it."""

from __future__ import annotations

from dataclasses import dataclass

# Who serves an IngressClass of ours, and writes Events, unless the administrator says another name.
CONTROLLER = "matchday/ingress"


@dataclass(frozen=True)
class ObjectRef:
    """An object of the API, as Events name it; `namespace` is empty for what has none."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""

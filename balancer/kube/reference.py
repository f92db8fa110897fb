"""Which object of a cluster is meant."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ObjectRef:
    """An object of the API, as Events name it; `namespace` is empty for what has none."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""

"""An API server in memory: objects by path, resource versions, conflicts, merge patches, outages."""

from __future__ import annotations

import copy
from typing import Any

from balancer.kube.api import ApiError, ApiUnavailableError

Json = dict[str, Any]


class Objects:
    """`objects` by path; every request is noted in `requests` as (method, path).

    What stands in `refuse` (by method) and `refuse_paths` is refused.
    """

    def __init__(self, objects: dict[str, Json] | None = None) -> None:
        self.objects: dict[str, Json] = {}
        self.requests: list[tuple[str, str]] = []
        self.up = True
        self.refuse: dict[str, ApiError] = {}
        self.refuse_paths: dict[str, ApiError] = {}
        self._version = 0
        for path, thing in (objects or {}).items():
            self.put(path, thing)

    def put(self, path: str, thing: Json) -> None:
        self._version += 1
        metadata = {**thing.get("metadata", {}), "resourceVersion": str(self._version)}
        self.objects[path] = {**copy.deepcopy(thing), "metadata": metadata}

    def get(self, path: str, **query: object) -> Json:
        self._asked("GET", path)
        return copy.deepcopy(self._found(path))

    def send(
        self, method: str, path: str, body: Any, *, content_type: str = "application/json", **query: object
    ) -> Json:
        self._asked(method, path)
        if method == "POST":
            path = f"{path}/{body['metadata']['name']}"
            if path in self.objects:
                raise ApiError(409, "already exists")
            self.put(path, body)
            return copy.deepcopy(self.objects[path])
        path = path.removesuffix("/status")
        found = self._found(path)
        if method == "DELETE":
            return self.objects.pop(path)
        for name in ("resourceVersion", "uid"):
            if body.get("metadata", {}).get(name) not in {None, found["metadata"].get(name)}:
                raise ApiError(409, "the object has been modified")
        self.put(path, _merged(found, body) if method == "PATCH" else body)
        return copy.deepcopy(self.objects[path])

    def writes(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path in self.requests if method != "GET"]

    def _asked(self, method: str, path: str) -> None:
        self.requests.append((method, path))
        if not self.up:
            raise ApiUnavailableError("down")
        if method in self.refuse:
            raise self.refuse[method]
        if path in self.refuse_paths:
            raise self.refuse_paths[path]

    def _found(self, path: str) -> Json:
        if path not in self.objects:
            raise ApiError(404, f"no {path}")
        return self.objects[path]


def _merged(old: Any, patch: Any) -> Any:
    """Source: RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged

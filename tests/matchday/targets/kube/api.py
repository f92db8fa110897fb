"""An API server made of answers, for tests that need none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from balancer.kube.api import ApiError

Json = dict[str, Any]


class Answers:
    """`objects` by path; `sent` holds every write. A path without an object is a 404."""

    def __init__(self, objects: dict[str, Json] | None = None) -> None:
        self.objects = objects or {}
        self.sent: list[tuple[str, str, Any]] = []
        self.on_send: Callable[[str, str], None] = lambda _method, _path: None

    def get(self, path: str, **_query: object) -> Json:
        if path not in self.objects:
            raise ApiError(404, f"{path} not found")
        return self.objects[path]

    def send(self, method: str, path: str, body: object, **_query: object) -> Json:
        self.sent.append((method, path, body))
        self.on_send(method, path)
        return {}


def pod(name: str, *, ready: bool = False, **status: Any) -> Json:
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    return {
        "metadata": {"name": name, "labels": {"app": "live"}, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"containers": [{"name": "live", "ports": [{"name": "http", "containerPort": 8080}]}]},
        "status": {"conditions": [condition], **status},
    }


def endpoint_slice(name: str, *pods: str) -> Json:
    endpoints = [{"conditions": {"ready": True}, "targetRef": {"kind": "Pod", "name": pod}} for pod in pods]
    return {"metadata": {"name": name}, "endpoints": endpoints}

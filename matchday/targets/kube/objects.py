"""A scenario's manifests as they go to the cluster: unchanged but for the namespace and the stand-in's workload."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scenarios.schema import Workload

STANDIN = "matchday/standin"
HPA = "HorizontalPodAutoscaler"


def prepared(documents: Iterable[Any], namespace: str, workload: Workload) -> list[dict[str, Any]]:
    """Copies of the objects, in the order given."""
    text = json.dumps(workload.model_dump(mode="json"))
    objects = []
    for document in documents:
        item = copy.deepcopy(dict(document))
        item["metadata"] = {**item["metadata"], "namespace": namespace}
        for container in containers(item):
            if str(container.get("image", "")).startswith(STANDIN):
                env = [entry for entry in container.get("env", ()) if entry["name"] != "MATCHDAY_WORKLOAD"]
                container["env"] = [*env, {"name": "MATCHDAY_WORKLOAD", "value": text}]
        objects.append(item)
    return objects


def containers(item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The containers of a Deployment; of other kinds, none."""
    if item["kind"] == "Deployment":
        yield from item["spec"]["template"]["spec"].get("containers", ())

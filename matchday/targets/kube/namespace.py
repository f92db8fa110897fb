"""A namespace of a rehearsal's own: made, filled with the scenario's manifests, removed with all that is in it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from balancer.kube.api import ApiError, ApiUnavailableError, ReadsAndWrites
from matchday.errors import EnvironmentFailedError

LABEL = "matchday-rehearsal"
# A run renews its namespace's annotation so often; one that has not been renewed for much longer belongs to a dead run.
ALIVE, RENEW_S, STALE_S = "matchday/alive-at", 15.0, 60.0
_APPLY = "application/apply-patch+yaml"
_GONE_WITHIN_S, _POLL_S = 90.0, 0.25
_MERGE = "application/merge-patch+json"


def name_for(scenario: str) -> str:
    """A name that no other run has: matchday-<scenario>-<id>, at most 63 characters."""
    return f"matchday-{scenario[:45].rstrip('-')}-{uuid.uuid4().hex[:6]}"


def create(api: ReadsAndWrites, name: str, scenario: str, now_s: float) -> None:
    """Make it, labelled as a rehearsal's; `now_s` is in seconds since 1970. ApiError."""
    labels = {LABEL: "1", "matchday-scenario": scenario[:63].rstrip("-")}
    meta = {"name": name, "labels": labels, "annotations": {ALIVE: f"{now_s:.0f}"}}
    api.send("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": meta})


def renew(api: ReadsAndWrites, name: str, now_s: float) -> None:
    """Say that its run lives. ApiError, ApiUnavailableError."""
    body = {"metadata": {"annotations": {ALIVE: f"{now_s:.0f}"}}}
    api.send("PATCH", f"/api/v1/namespaces/{name}", body, content_type=_MERGE)


def delete(api: ReadsAndWrites, name: str, *, within_s: float = _GONE_WITHIN_S) -> None:
    """Remove it and wait until it is gone. EnvironmentFailedError names what holds it when it stays."""
    end = time.monotonic() + within_s
    why = "the API server does not answer"
    while time.monotonic() < end:
        try:
            api.send("DELETE", f"/api/v1/namespaces/{name}", None)
            found = api.get(f"/api/v1/namespaces/{name}")
            why = held_by(found)
        except ApiError as error:
            if error.status == 404:
                return
            if error.status != 409:  # it is on its way already
                raise
        except ApiUnavailableError as error:
            why = str(error)
        time.sleep(_POLL_S)
    raise EnvironmentFailedError(
        f"namespace {name} is not gone after {within_s:.0f} s: {why}; `matchday down` tries again"
    )


def held_by(namespace: Mapping[str, Any]) -> str:
    """Why a namespace that is being removed is still there, in the API server's words."""
    conditions = namespace.get("status", {}).get("conditions", ())
    words = [str(c.get("message", "")) for c in conditions if c.get("status") == "True"]
    return "; ".join(word for word in words if word) or "its pods are still ending"


def stale(namespaces: Sequence[Mapping[str, Any]], now_s: float, age_s: float) -> list[str]:
    """Names of rehearsals' namespaces that nobody has renewed for `age_s`."""
    return [item["metadata"]["name"] for item in namespaces if now_s - _alive_at(item) >= age_s]


def _alive_at(namespace: Mapping[str, Any]) -> float:
    meta = namespace["metadata"]
    said = meta.get("annotations", {}).get(ALIVE, "")
    if said.isdecimal():
        return float(said)
    return datetime.strptime(meta["creationTimestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()


def remove_stale(api: ReadsAndWrites, *, age_s: float = STALE_S) -> list[str]:
    """Remove what runs that crashed left behind; gives the names."""
    found = api.get("/api/v1/namespaces", labelSelector=LABEL)["items"]
    names = stale(found, time.time(), age_s)
    for name in names:
        delete(api, name)
    return names


def apply(api: ReadsAndWrites, objects: Sequence[Mapping[str, Any]]) -> None:
    """Create or change objects. EnvironmentFailedError names the one that the API server refused."""
    paths: dict[tuple[str, str], str] = {}
    for item in objects:
        kind, version, meta = item["kind"], item["apiVersion"], item["metadata"]
        group = f"/api/{version}" if "/" not in version else f"/apis/{version}"
        try:
            if (version, kind) not in paths:
                paths[version, kind] = plural_of(api.get(group), kind)
            path = f"{group}/namespaces/{meta['namespace']}/{paths[version, kind]}/{meta['name']}"
            api.send("PATCH", path, item, content_type=_APPLY, fieldManager="matchday", force="true")
        except (ApiError, LookupError) as error:
            raise EnvironmentFailedError(f"{kind} {meta['name']}: {error}") from error


def plural_of(resources: Mapping[str, Any], kind: str) -> str:
    """The path word of a kind in a group's list of resources. LookupError when it has no such kind in namespaces."""
    for resource in resources["resources"]:
        if resource["kind"] == kind and resource["namespaced"] and "/" not in resource["name"]:
            return str(resource["name"])
    raise LookupError(f"the cluster has no kind {kind} that lives in a namespace")

"""external.metrics.k8s.io/v1beta1: a service's request rate, queue and requests in flight, for autoscalers.

The API server asks us in the name of its clients, whom it has authorised; it proves itself by its front-proxy
certificate, and nobody else is answered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from balancer.errors import BalancerError
from balancer.kube.api import Json, ReadsAndWrites
from balancer.kube.http import Answer, Request, as_json
from balancer.kube.load import WINDOW_S, ServiceLoad

GROUP, VERSION = "external.metrics.k8s.io", "v1beta1"
API_SERVICE = f"{VERSION}.{GROUP}"
_GROUP_VERSION = f"{GROUP}/{VERSION}"
_AUTHENTICATION = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
_LABELS = ("service", "port")
_REQUIREMENT = re.compile(
    r"\s*(?:(?P<set>[^\s,!=()]+)\s+(?P<how>in|notin)\s*\((?P<values>[^)]*)\)"
    r"|(?P<key>[^\s,!=()]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^\s,!=()]*)"
    r"|(?P<absent>!?)\s*(?P<there>[^\s,!=()]+))\s*(?:,|$)"
)

METRICS: Mapping[str, Callable[[ServiceLoad], float]] = {
    "matchday_requests_per_second": lambda load: load.requests_per_s,
    "matchday_queue_length": lambda load: load.queued,
    "matchday_in_flight": lambda load: load.in_flight,
    "matchday_in_flight_per_pod": lambda load: load.in_flight / max(1, load.pods),
}


class SelectorError(BalancerError):
    """A label selector that cannot be read, or one by labels that our metrics do not have."""


@dataclass(frozen=True)
class FrontProxy:
    """Who may ask: certificates of these authorities (PEM) with one of these common names; no name means any."""

    authorities: str
    names: tuple[str, ...] = ()

    def admits(self, client: str) -> bool:
        """Whether a client whose certificate was verified may ask."""
        return not self.names or client in self.names


def front_proxy(api: ReadsAndWrites) -> FrontProxy:
    """As the API server tells its extensions. ApiError, ApiUnavailableError; BalancerError when it tells none."""
    data = api.get(_AUTHENTICATION).get("data") or {}
    authorities = str(data.get("requestheader-client-ca-file") or "")
    if not authorities:
        raise BalancerError("the API server has no front proxy: start it with --requestheader-client-ca-file")
    return FrontProxy(authorities, tuple(json.loads(data.get("requestheader-allowed-names") or "[]")))


class ExternalMetrics:
    """Answers the API server. `loads` gives the loads of all replicas together, None while none is known."""

    def __init__(
        self,
        loads: Callable[[], Sequence[ServiceLoad] | None],
        admits: Callable[[str], bool],
        utc_now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._loads, self._admits, self._utc_now = loads, admits, utc_now

    def answer(self, request: Request) -> Answer:
        """For a request whose client certificate was verified."""
        if not self._admits(request.client):
            return _status(403, "Forbidden", "only the API server's front proxy may ask")
        path = request.path.rstrip("/")
        if path in _DISCOVERY:
            return as_json(200, _DISCOVERY[path])
        found = re.fullmatch(rf"/apis/{re.escape(_GROUP_VERSION)}/namespaces/([^/]+)/([^/]+)", path)
        if found is None:
            return _status(404, "NotFound", f"no {path}")
        namespace, metric = found.groups()
        if metric not in METRICS:
            return _status(404, "NotFound", f"no metric {metric}: one of {', '.join(METRICS)}")
        try:
            chosen = selector(request.query.get("labelSelector", ""))
        except SelectorError as error:
            return _status(400, "BadRequest", str(error))
        loads = self._loads()
        if loads is None:
            return _status(503, "ServiceUnavailable", "no proxy's load is known")
        return as_json(200, self._values(metric, (x for x in loads if x.namespace == namespace and chosen(x))))

    def _values(self, metric: str, loads: Iterable[ServiceLoad]) -> Json:
        now = self._utc_now().strftime("%Y-%m-%dT%H:%M:%SZ")
        items = [
            {
                "metricName": metric,
                "metricLabels": {label: getattr(load, label) for label in _LABELS},
                "timestamp": now,
                **({"windowSeconds": round(WINDOW_S)} if metric == "matchday_requests_per_second" else {}),
                "value": f"{round(1000 * METRICS[metric](load))}m",
            }
            for load in loads
        ]
        return {"kind": "ExternalMetricValueList", "apiVersion": _GROUP_VERSION, "metadata": {}, "items": items}


def selector(text: str) -> Callable[[ServiceLoad], bool]:
    """A label selector as the API has it (`service=live,port in (http, https)`). SelectorError."""
    requirements: list[tuple[str, frozenset[str], bool]] = []
    at = 0
    while at < len(text):
        found = _REQUIREMENT.match(text, at)
        if found is None or found.end() == at:
            raise SelectorError(f"labelSelector {text[:200]!r}: `service=NAME`, and `port=NAME` where it has several")
        at = found.end()
        label = found["set"] or found["key"] or found["there"]
        if label not in _LABELS:
            raise SelectorError(f"label {label[:200]!r}: one of {', '.join(_LABELS)}")
        if found["set"]:
            values = frozenset(value.strip() for value in found["values"].split(","))
            requirements.append((label, values, found["how"] == "in"))
        elif found["key"]:
            requirements.append((label, frozenset({found["value"]}), found["op"] != "!="))
        elif found["absent"]:
            # every metric has both labels
            requirements.append((label, frozenset(), True))
    return lambda load: all((getattr(load, label) in values) == wanted for label, values, wanted in requirements)


def _status(code: int, reason: str, message: str) -> Answer:
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return as_json(code, {**body, "message": message, "reason": reason, "code": code})


_VERSION = {"groupVersion": _GROUP_VERSION, "version": VERSION}
_API_GROUP = {"name": GROUP, "versions": [_VERSION], "preferredVersion": _VERSION}
_INFO = {"title": "matchday external metrics", "version": VERSION}
_DISCOVERY: Mapping[str, Json] = {
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_API_GROUP]},
    f"/apis/{GROUP}": {"kind": "APIGroup", "apiVersion": "v1", **_API_GROUP},
    f"/apis/{_GROUP_VERSION}": {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": _GROUP_VERSION,
        "resources": [
            {
                "name": metric,
                "singularName": "",
                "namespaced": True,
                "kind": "ExternalMetricValueList",
                "verbs": ["get"],
            }
            for metric in METRICS
        ],
    },
    "/openapi/v2": {"swagger": "2.0", "info": _INFO, "paths": {}},
    "/openapi/v3": {"paths": {}},
}

"""status.loadBalancer of our Ingresses: where their hosts can be reached, for people and for external-dns."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog

from balancer.kube.api import MERGE_PATCH, ApiError, ApiUnavailableError, Json, ReadsAndWrites
from balancer.kube.cluster import IngressState
from balancer.kube.reference import ObjectRef

_log = structlog.get_logger()
_ATTEMPTS = 3
# How long a watch may take to tell us what we wrote ourselves.
_PATIENCE_S = 30.0
_CONFLICT, _NOT_FOUND = 409, 404

Addresses = tuple[str, ...]


def addresses(published: Iterable[str], service: Json | None, node_ips: Iterable[str]) -> Addresses:
    """Where clients reach the proxy, sorted and each once.

    What the administrator publishes says all; else a LoadBalancer Service's own status, its external addresses, the
    nodes that proxies run on for a NodePort, the cluster's address for any other Service. Empty while none is known.
    """
    told = _sorted(published)
    if told or service is None:
        return told
    spec = service.get("spec", {})
    external = list(spec.get("externalIPs") or ())
    if spec.get("type") == "LoadBalancer":
        given = service.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
        return _sorted([*external, *(str(entry.get("ip") or entry.get("hostname") or "") for entry in given)])
    if external:
        return _sorted(external)
    if spec.get("type") == "NodePort":
        return _sorted(node_ips)
    cluster_ip = str(spec.get("clusterIP") or "")
    return _sorted([cluster_ip] if cluster_ip != "None" else [])


class StatusWriter:
    """Keeps the status of our Ingresses as it should be. One thread; `clock` is monotonic, in seconds.

    Every replica calls `sync`, so that it knows what was ours; only who leads writes. An Ingress that stopped being
    ours while no replica ran keeps its status until its new controller writes it.
    """

    def __init__(
        self, api: ReadsAndWrites, leading: Callable[[], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api, self._leading, self._clock = api, leading, clock
        self._ours: frozenset[ObjectRef] = frozenset()
        self._left: frozenset[ObjectRef] = frozenset()
        self._written: dict[ObjectRef, tuple[tuple[Addresses, Addresses] | None, float]] = {}
        self._addresses: Addresses = ()

    def sync(self, ingresses: Sequence[IngressState], published: Addresses) -> int:
        """Write where it differs; `ingresses` are all that are ours. Gives how many were written.

        Raises nothing of the API: what failed is tried again at the next call.
        """
        ours = frozenset(ingress.ref for ingress in ingresses)
        self._left = (self._left | self._ours) - ours
        self._ours = ours
        self._written = {ref: written for ref, written in self._written.items() if ref in ours}
        # on a change of address, what was ours before still shows the old one
        before, self._addresses = self._addresses, published or self._addresses
        written = 0
        try:
            for ingress in ingresses if published else ():
                if not self._leading():
                    return written
                written += self._write(ingress, published)
            for ref in self._left:
                if not self._leading():
                    return written
                done = self._withdraw(ref, {before, published})
                written += bool(done)
                if done is not None:
                    self._left -= {ref}
        except ApiUnavailableError as error:
            _log.warning("status not written", error=str(error))
        return written

    def withdraw_all(self) -> int:
        """Take our addresses out of every Ingress, for the last replica's end. Gives how many were changed."""
        withdrawn = 0
        try:
            for ref in self._ours:
                withdrawn += bool(self._withdraw(ref, {self._addresses}))
        except ApiUnavailableError as error:
            _log.warning("status not withdrawn", error=str(error))
        return withdrawn

    def _write(self, ingress: IngressState, wanted: Addresses) -> bool:
        ref, now_s = ingress.ref, self._clock()
        shown = _shown(ingress.addresses)
        if shown == wanted:
            return False
        # what we wrote comes back through the watch a little later
        change, at_s = self._written.get(ref, (None, 0.0))
        if change == (shown, wanted) and now_s - at_s < _PATIENCE_S:
            return False
        self._written[ref] = ((shown, wanted), now_s)
        try:
            # the uid makes it a conflict where another Ingress has taken the name
            return self._patch(ref, {"uid": ref.uid}, wanted)
        except ApiError as error:
            _log.warning("status refused", ingress=ref.name, status=error.status, reason=error.reason)
            return False

    def _withdraw(self, ref: ObjectRef, ours: set[Addresses]) -> bool | None:
        """Empty the status unless it is not what we wrote: then somebody else has taken over. None: try again."""
        try:
            for _ in range(_ATTEMPTS):
                fresh = self._fresh(ref)
                shown = _shown((fresh or {}).get("status", {}).get("loadBalancer", {}).get("ingress") or ())
                if fresh is None or not shown or shown not in ours:
                    return False
                if self._patch(ref, {"resourceVersion": fresh["metadata"]["resourceVersion"]}, ()):
                    return True
        except ApiError as error:
            _log.warning("status refused", ingress=ref.name, status=error.status, reason=error.reason)
        return None

    def _fresh(self, ref: ObjectRef) -> Json | None:
        """The Ingress as it is now; None when it is gone, or another has its name."""
        try:
            fresh = self._api.get(_path(ref))
        except ApiError as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        return fresh if fresh["metadata"].get("uid") == ref.uid else None

    def _patch(self, ref: ObjectRef, only_if: Mapping[str, str], wanted: Addresses) -> bool:
        """Whether it was done; not when the Ingress is gone or not as `only_if` says. ApiError for other refusals."""
        entries = [_entry(address) for address in wanted] or None
        body = {"metadata": only_if, "status": {"loadBalancer": {"ingress": entries}}}
        try:
            self._api.send("PATCH", f"{_path(ref)}/status", body, content_type=MERGE_PATCH)
        except ApiError as error:
            if error.status in {_CONFLICT, _NOT_FOUND}:
                return False
            raise
        return True


def _path(ref: ObjectRef) -> str:
    return f"/apis/networking.k8s.io/v1/namespaces/{ref.namespace}/ingresses/{ref.name}"


def _shown(entries: Iterable[Mapping[str, object]]) -> Addresses:
    return _sorted(str(entry.get("ip") or entry.get("hostname") or "") for entry in entries)


def _entry(address: str) -> dict[str, str]:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return {"hostname": address}
    return {"ip": address}


def _sorted(found: Iterable[str]) -> Addresses:
    return tuple(sorted({address for address in found if address}))

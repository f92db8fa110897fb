"""status.loadBalancer of our Ingresses: where their hosts can be reached, for people and for external-dns."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import structlog

from balancer.kube.api import MERGE_PATCH, ApiError, ApiUnavailableError, Json, ReadsAndWrites

_log = structlog.get_logger()
_ATTEMPTS = 3
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


@dataclass(frozen=True)
class _Known:
    """An Ingress that is ours, by its uid, and the version of it that we wrote last."""

    namespace: str
    name: str
    written_version: str = ""

    @property
    def path(self) -> str:
        return f"/apis/networking.k8s.io/v1/namespaces/{self.namespace}/ingresses/{self.name}"


class StatusWriter:
    """Keeps the status of our Ingresses as it should be. One thread.

    Every replica calls `sync`, so that it knows what was ours; only who leads writes. An Ingress that stopped being
    ours while no replica ran keeps its status until its new controller writes it.
    """

    def __init__(self, api: ReadsAndWrites, leading: Callable[[], bool]) -> None:
        self._api, self._leading = api, leading
        self._ours: dict[str, _Known] = {}
        self._left: dict[str, _Known] = {}
        self._addresses: Addresses = ()

    def sync(self, ingresses: Sequence[Json], published: Addresses) -> int:
        """Write where it differs; `ingresses` are all that are ours, as watched. Gives how many were written.

        Raises nothing of the API: what failed is tried again at the next call.
        """
        self._remember(ingresses)
        # on a change of address, what was ours before still shows the old one
        before, self._addresses = self._addresses, published or self._addresses
        written = 0
        try:
            for ingress in ingresses if published else ():
                if not self._leading():
                    return written
                written += self._write(ingress, published)
            for uid, known in list(self._left.items()):
                if not self._leading():
                    return written
                done = self._withdraw(uid, known, {before, published})
                written += bool(done)
                if done is not None:
                    del self._left[uid]
        except ApiUnavailableError as error:
            _log.warning("status not written", error=str(error))
        return written

    def withdraw_all(self) -> int:
        """Take our addresses out of every Ingress, for the last replica's end. Gives how many were changed."""
        withdrawn = 0
        try:
            for uid, known in list(self._ours.items()):
                withdrawn += bool(self._withdraw(uid, known, {self._addresses}))
        except ApiUnavailableError as error:
            _log.warning("status not withdrawn", error=str(error))
        return withdrawn

    def _remember(self, ingresses: Sequence[Json]) -> None:
        now: dict[str, _Known] = {}
        for ingress in ingresses:
            metadata = ingress["metadata"]
            known = self._ours.get(metadata["uid"])
            now[metadata["uid"]] = known or _Known(metadata.get("namespace", "default"), metadata["name"])
        self._left |= {uid: known for uid, known in self._ours.items() if uid not in now}
        self._left = {uid: known for uid, known in self._left.items() if uid not in now}
        self._ours = now

    def _write(self, ingress: Json, wanted: Addresses) -> bool:
        uid, version = ingress["metadata"]["uid"], str(ingress["metadata"].get("resourceVersion", ""))
        known = self._ours[uid]
        # what we wrote comes back through the watch a little later
        if _published(ingress) == wanted or known.written_version == version:
            return False
        try:
            for _ in range(_ATTEMPTS):
                if self._patch(known, ingress, wanted):
                    self._ours[uid] = _Known(known.namespace, known.name, version)
                    return True
                fresh = self._fresh(uid, known)
                if fresh is None or _published(fresh) == wanted:
                    return False
                ingress = fresh
        except ApiError as error:
            _log.warning("status refused", ingress=known.path, status=error.status, reason=error.reason)
        return False

    def _withdraw(self, uid: str, known: _Known, ours: set[Addresses]) -> bool | None:
        """Empty the status unless it is not what we wrote: then somebody else has taken over. None: try again."""
        try:
            for _ in range(_ATTEMPTS):
                fresh = self._fresh(uid, known)
                if fresh is None or not _published(fresh) or _published(fresh) not in ours:
                    return False
                if self._patch(known, fresh, ()):
                    return True
        except ApiError as error:
            _log.warning("status refused", ingress=known.path, status=error.status, reason=error.reason)
        return None

    def _fresh(self, uid: str, known: _Known) -> Json | None:
        """The Ingress as it is now; None when it is gone, or another has its name."""
        try:
            fresh = self._api.get(known.path)
        except ApiError as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        return fresh if fresh["metadata"].get("uid") == uid else None

    def _patch(self, known: _Known, ingress: Json, wanted: Addresses) -> bool:
        """Whether it was done; not when the Ingress is no longer as it was. ApiError for other refusals."""
        body = {
            "metadata": {"resourceVersion": ingress["metadata"].get("resourceVersion")},
            "status": {"loadBalancer": {"ingress": [_entry(address) for address in wanted] or None}},
        }
        try:
            self._api.send("PATCH", f"{known.path}/status", body, content_type=MERGE_PATCH)
        except ApiError as error:
            if error.status in {_CONFLICT, _NOT_FOUND}:
                return False
            raise
        return True


def _published(ingress: Json) -> Addresses:
    entries = ingress.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
    return _sorted(str(entry.get("ip") or entry.get("hostname") or "") for entry in entries)


def _entry(address: str) -> dict[str, str]:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return {"hostname": address}
    return {"ip": address}


def _sorted(found: Iterable[str]) -> Addresses:
    return tuple(sorted({address for address in found if address}))

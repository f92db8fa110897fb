"""What the API server told so far, as the manifests and endpoints that the controller core understands.

Each object is read once, when it changes; what did not change stays the very same value, by which the core knows it.
Nothing here waits or writes: changes come in, questions are answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

from balancer.kube import endpoint_slices
from balancer.kube.api import Json
from balancer.kube.endpoint_slices import Slice
from balancer.kube.reference import CONTROLLER, ObjectRef
from balancer.kube.tls_secrets import TlsSecret, read_tls_secret
from balancer.kube.watch import Change, Changed, Kind, Listed, Reachable
from balancer.policy import credentials
from balancer.policy.config import Certificate, User
from balancer.policy.desired import certificate_name, resolve
from balancer.policy.manifests import read_manifests
from balancer.policy.objects import BackendRef, Endpoint, Ingress, Manifests, Problem

_DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"
_OLD_CLASS = "kubernetes.io/ingress.class"
_TLS_NEEDED = "the name of a Secret of type kubernetes.io/tls in the same namespace"

Name = tuple[str, str]


@dataclass(frozen=True)
class Refusal:
    """Something of an object that is not done, and why."""

    ref: ObjectRef
    problem: Problem


@dataclass(frozen=True)
class Known:
    """An object that was read. `created` sorts the oldest first; `addresses` are those in an Ingress's status."""

    ref: ObjectRef
    document: int
    created: str
    value: Manifests
    problems: tuple[Problem, ...]
    addresses: tuple[Mapping[str, object], ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class IngressState:
    """One of our Ingresses and the addresses its status has now."""

    ref: ObjectRef
    addresses: tuple[Mapping[str, object], ...]


class Cluster:
    """All we know. `controller` is who serves our IngressClasses, `ingress_class` the name that old Ingresses give.

    `rules_changed` and `endpoints_changed` are set by changes that matter, and taken back by who asks.
    """

    def __init__(
        self,
        kinds: Iterable[Kind],
        ingress_class: str,
        default_certificate: Certificate | None,
        controller: str = CONTROLLER,
    ) -> None:
        self._ingress_class, self._default_certificate, self._controller = (
            ingress_class,
            default_certificate,
            controller,
        )
        self._waiting = {kind.name for kind in kinds}
        self._numbers = count()
        self._known: dict[str, dict[Name, Known]] = {name: {} for name in ("Ingress", "Service", "ConfigMap")}
        self._classes: dict[str, Json] = {}
        self._secrets: dict[Name, TlsSecret] = {}
        self._users: Mapping[Name, tuple[User, ...]] = {}
        self._slices: dict[Name, dict[str, Slice]] = {}
        self._endpoints: dict[str, tuple[Endpoint, ...]] = {}
        self._nodes: dict[Name, str] = {}
        self.rules_changed = self.endpoints_changed = False
        self.unreachable: dict[str, str] = {}

    @property
    def synced(self) -> bool:
        """Whether every kind has been listed once."""
        return not self._waiting

    def apply(self, change: Change) -> None:
        """Take in what a watch delivered."""
        if isinstance(change, Reachable):
            self.unreachable.pop(change.kind.name, None)
            if not change.yes:
                self.unreachable[change.kind.name] = change.why
        elif isinstance(change, Listed):
            self._waiting.discard(change.kind.name)
            self._relist(change)
        elif isinstance(change, Changed):
            self._put(change.kind, change.object, gone=change.gone)

    def node_of(self, namespace: str, pod: str) -> str:
        """The node of a pod behind any Service, empty when unknown."""
        return self._nodes.get((namespace, pod), "")

    def endpoints(self, backends: Iterable[str]) -> Mapping[str, tuple[Endpoint, ...]]:
        """Endpoints of each backend, the very same tuple while nothing changed for it."""
        for name in backends:
            if name not in self._endpoints:
                namespace, service, port = name.split("_")
                slices = self._slices.get((namespace, service), {})
                self._endpoints[name] = endpoint_slices.endpoints(slices, port)
        return self._endpoints

    def ready_addresses(self, service: Name) -> tuple[str, ...]:
        """Addresses of the ready endpoints of a Service."""
        slices = self._slices.get(service, {}).values()
        return tuple(sorted({e.address for s in slices for e in s.endpoints if e.ready and not e.terminating}))

    def ours(self) -> list[Known]:
        """The Ingresses we serve, the oldest first, so that of two for one host and path the older keeps it."""
        found = [known for known in self._known["Ingress"].values() if self._is_ours(known)]
        return sorted(found, key=lambda known: (known.created, known.ref.namespace, known.ref.name))

    def ingresses(self) -> tuple[IngressState, ...]:
        """The Ingresses we serve, with the addresses in their status."""
        return tuple(IngressState(known.ref, known.addresses) for known in self.ours())

    def manifests(self) -> tuple[Manifests, tuple[Problem, ...]]:
        """What we serve, and what of it cannot be done; whose problem it is says `reference`."""
        ours = self.ours()
        services = tuple(s for known in self._known["Service"].values() for s in known.value.services)
        bare = Manifests(
            services=services,
            ingresses=tuple(ingress for known in ours for ingress in known.value.ingresses),
            config_maps=tuple(c for known in self._known["ConfigMap"].values() for c in known.value.config_maps),
        )
        certificates, missing = self._certificates(bare.ingresses)
        manifests = Manifests(
            services=bare.services,
            ingresses=bare.ingresses,
            config_maps=bare.config_maps,
            certificates=certificates,
            users=self._users,
        )
        problems = [problem for known in ours for problem in known.problems]
        problems += missing
        for ingress in bare.ingresses:
            problems += _unresolved(bare, ingress)
        problems += self._of_services(bare)
        return manifests, tuple(dict.fromkeys(problems))

    def refusals(self, problems: Iterable[Problem]) -> tuple[Refusal, ...]:
        """Problems with the objects they are about."""
        refs = {known.document: known.ref for group in self._known.values() for known in group.values()}
        return tuple(Refusal(refs[problem.document], problem) for problem in problems if problem.document in refs)

    def _relist(self, listed: Listed) -> None:
        here = {_name(found) for found in listed.objects}
        for name in self._names(listed.kind.name) - here:
            self._forget(listed.kind.name, name)
        for found in listed.objects:
            self._put(listed.kind, found, gone=False)

    def _names(self, kind: str) -> set[Name]:
        if kind == "IngressClass":
            return {("", name) for name in self._classes}
        if kind == "Secret":
            return set(self._secrets)
        if kind == "Passwords":
            return set(self._users)
        if kind == "EndpointSlice":
            return {(namespace, name) for (namespace, _), slices in self._slices.items() for name in slices}
        return set(self._known[kind])

    def _put(self, kind: Kind, found: Json, *, gone: bool) -> None:
        name = _name(found)
        if gone:
            self._forget(kind.name, name)
        elif kind.name == "EndpointSlice":
            self._put_slice(name, found)
        elif kind.name == "IngressClass":
            self._classes[name[1]] = found
            self.rules_changed = True
        elif kind.name == "Secret":
            secret = read_tls_secret(found)
            self.rules_changed |= self._secrets.get(name) != secret
            self._secrets[name] = secret
        elif kind.name == "Passwords":
            self._put_users(name, found)
        else:
            before = self._known[kind.name].get(name)
            known = _read(kind, found, before.document if before else next(self._numbers))
            if before is not None and before == known:
                known = _kept(before, known)
            else:
                self.rules_changed = True
            self._known[kind.name][name] = known

    def _put_users(self, name: Name, found: Json) -> None:
        """Of all the Secrets that might hold passwords only those are kept that do."""
        users, _ = credentials.users(found.get("data") or {})
        if users != self._users.get(name, ()):
            self.rules_changed = True
            self._users = {**self._users, name: users}

    def _put_slice(self, name: Name, found: Json) -> None:
        service = endpoint_slices.service_of(found)
        if service is None:
            self._forget("EndpointSlice", name)
            return
        read = endpoint_slices.read_slice(found)
        slices = self._slices.setdefault(service, {})
        self._nodes.update({(name[0], endpoint.name): endpoint.node for endpoint in read.endpoints})
        if slices.get(name[1]) != read:
            slices[name[1]] = read
            self._touch(service)

    def _forget(self, kind: str, name: Name) -> None:
        if kind == "EndpointSlice":
            for service, slices in self._slices.items():
                gone = slices.pop(name[1], None) if service[0] == name[0] else None
                if gone is not None:
                    for endpoint in gone.endpoints:
                        self._nodes.pop((name[0], endpoint.name), None)
                    self._touch(service)
            return
        self.rules_changed |= kind != "Passwords" or name in self._users
        if kind == "IngressClass":
            self._classes.pop(name[1], None)
        elif kind == "Passwords":
            self._users = {known: users for known, users in self._users.items() if known != name}
        elif kind == "Secret":
            self._secrets.pop(name, None)
        else:
            self._known[kind].pop(name, None)

    def _touch(self, service: Name) -> None:
        self.endpoints_changed = True
        prefix = f"{service[0]}_{service[1]}_"
        for backend in [backend for backend in self._endpoints if backend.startswith(prefix)]:
            del self._endpoints[backend]

    def _is_ours(self, known: Known) -> bool:
        if not known.value.ingresses:
            return False
        ingress = known.value.ingresses[0]
        if ingress.ingress_class is not None:
            found = self._classes.get(ingress.ingress_class)
            return found is not None and self._is_our_class(found)
        if _OLD_CLASS in ingress.annotations:
            return ingress.annotations[_OLD_CLASS] == self._ingress_class
        return any(self._is_our_class(found) and _is_default(found) for found in self._classes.values())

    def _is_our_class(self, found: Json) -> bool:
        return bool((found.get("spec") or {}).get("controller") == self._controller)

    def _certificates(self, ingresses: Iterable[Ingress]) -> tuple[tuple[Certificate, ...], list[Problem]]:
        """Certificates with the hosts they are for; of two for a host the older Ingress's is shown."""
        hosts_of: dict[Name, dict[str, None]] = {}
        taken: set[str] = set()
        problems = []
        for ingress in ingresses:
            for index, entry in enumerate(ingress.tls):
                where = ("spec", "tls", index, "secretName")
                if entry.secret is None:
                    problems.append(Problem(ingress.document, where, None, _TLS_NEEDED))
                    continue
                name = (ingress.namespace, entry.secret)
                secret = self._secrets.get(name)
                if secret is None or secret.pem is None:
                    said = _TLS_NEEDED if secret is None else secret.allowed
                    problems.append(Problem(ingress.document, where, entry.secret, said))
                    continue
                wanted = entry.hosts or tuple(path.host for path in ingress.paths if path.host is not None)
                hosts_of.setdefault(name, {}).update(dict.fromkeys(host for host in wanted if host not in taken))
                taken.update(wanted)
        certificates = [self._default_certificate] if self._default_certificate else []
        for (namespace, secret_name), hosts in hosts_of.items():
            pem = self._secrets[namespace, secret_name].pem
            if hosts and pem is not None:
                certificates.append(Certificate(certificate_name(namespace, secret_name), tuple(hosts), pem))
        return tuple(certificates), problems

    def _of_services(self, manifests: Manifests) -> Iterator[Problem]:
        """Problems of the Services that our Ingresses name."""
        named = {
            (ingress.namespace, ref.service)
            for ingress in manifests.ingresses
            for ref in [*(path.backend for path in ingress.paths), *filter(None, [ingress.default_backend])]
        }
        for name in sorted(named):
            known = self._known["Service"].get(name)
            if known is None:
                continue
            yield from known.problems
            for service in known.value.services:
                if service.external_name is not None:
                    allowed = "a Service with pods: requests are not sent to names outside of the cluster"
                    yield Problem(service.document, ("spec", "externalName"), service.external_name, allowed)


def _name(found: Json) -> Name:
    return found["metadata"].get("namespace", ""), found["metadata"]["name"]


def _is_default(found: Json) -> bool:
    return bool((found["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true")


def _read(kind: Kind, found: Json, document: int) -> Known:
    meta = found["metadata"]
    ref = ObjectRef(kind.api_version, kind.name, meta.get("namespace", ""), meta["name"], meta.get("uid", ""))
    # lists leave out kind and version, and what Kubernetes manages is of no interest to us
    spec = {name: found[name] for name in ("spec", "data") if found.get(name) is not None}
    kept = {name: meta[name] for name in ("name", "namespace", "annotations") if meta.get(name) is not None}
    manifests, problems = read_manifests(
        [{"apiVersion": kind.api_version, "kind": kind.name, "metadata": kept, **spec}], document
    )
    balancer = (found.get("status") or {}).get("loadBalancer") or {}
    addresses = tuple(balancer.get("ingress") or ()) if kind.name == "Ingress" else ()
    return Known(ref, document, meta.get("creationTimestamp") or "", manifests, problems, addresses)


def _kept(before: Known, now: Known) -> Known:
    """The value as it was, which the core knows by its identity, with what the status says now."""
    return Known(before.ref, before.document, before.created, before.value, before.problems, now.addresses)


def _unresolved(manifests: Manifests, ingress: Ingress) -> Iterator[Problem]:
    """Paths that lead to no Service, or to a port it does not have."""
    places: list[tuple[tuple[str | int, ...], BackendRef]] = [
        (("spec", "rules", path.rule, "http", "paths", path.index, "backend", "service"), path.backend)
        for path in ingress.paths
    ]
    if ingress.default_backend is not None:
        places.append((("spec", "defaultBackend", "service"), ingress.default_backend))
    for where, ref in places:
        service = manifests.service_of.get((ingress.namespace, ref.service))
        if service is None:
            yield Problem(ingress.document, (*where, "name"), ref.service, "a Service of the same namespace")
        elif resolve(manifests, ingress.namespace, ref) is None and service.external_name is None:
            ports = ", ".join(str(port.name or port.port) for port in service.ports) or "it has none"
            yield Problem(ingress.document, (*where, "port"), ref.port, f"a port of Service {ref.service}: {ports}")

"""Objects that the API server accepts and a controller must not follow: broken, nonsensical, or meant to do harm."""

from __future__ import annotations

from dataclasses import dataclass

from tests.cluster import certificates, objects
from tests.cluster.objects import Json

GOOD = "app"
INJECTED = "\n  http-request deny deny_status 418\nbackend injected\n  mode http\n"
ANNOTATIONS = {
    # name of the object: annotation, value
    "rewrite-injects": ("path-rewrite", f"/x{INJECTED}"),
    "request-header-crlf": ("request-set-header", "X-Evil: one\r\nSet-Cookie: a=b"),
    "response-header-crlf": ("response-set-header", f"X-Evil: one{INJECTED}"),
    "header-without-value": ("request-set-header", "OnlyAName"),
    "header-name-broken": ("request-set-header", "X:Bad@Name{}\x01 value"),
    "allow-list-nonsense": ("allow-list", "not-a-cidr, 999.1.2.3/99"),
    "deny-list-nonsense": ("deny-list", "10.0.0.0/64"),
    "allow-list-of-64-kib": ("allow-list", "x" * 65_536),
    "maxconn-negative": ("pod-maxconn", "-5"),
    "maxconn-words": ("pod-maxconn", "as many as possible"),
    "maxconn-huge": ("pod-maxconn", "9" * 40),
    "timeout-forever": ("timeout-server", "forever"),
    "timeout-injects": ("timeout-server", f"5s{INJECTED}"),
    "balance-unknown": ("load-balance", "fastest"),
    "balance-injects": ("load-balance", f"roundrobin{INJECTED}"),
    "rate-limit-lots": ("rate-limit-requests", "lots"),
    "rate-limit-status": ("rate-limit-status-code", "9000"),
    "redirect-crlf": ("request-redirect", "evil.test\r\nSet-Cookie: a=b"),
    "set-host-injects": ("set-host", f"a b{INJECTED}"),
    "cors-origin-crlf": ("cors-allow-origin", f"https://a.test{INJECTED}"),
    "check-interval-soon": ("check-interval", "soon"),
    "check-http-injects": ("check-http", f"/ok{INJECTED}"),
    "cookie-name-broken": ("cookie-persistence", f"a;b c{INJECTED}"),
    "ssl-redirect-maybe": ("ssl-redirect", "maybe"),
    "snippet-not-allowed": ("backend-config-snippet", "http-request deny deny_status 418"),
}


@dataclass(frozen=True)
class Hostile:
    """What is given to the cluster.

    `served` is the host of it that is served all the same, since only what is wrong is lost; `status` what it answers.
    `told` is the name of the object that gets the Event.
    """

    name: str
    made: tuple[Json, ...]
    served: str = ""
    status: int = 200
    told: str = ""


def all_of_them(namespace: str, other_namespace: str) -> tuple[Hostile, ...]:
    """Every one with an Ingress of its own. `other_namespace` has a host that is claimed here again."""
    annotated = tuple(_annotated(name, *what, namespace) for name, what in ANNOTATIONS.items())
    return (*annotated, *_services(namespace), *_secrets(namespace), *_rules(namespace, other_namespace))


def claimed_twice(namespace: str) -> str:
    """The host that an Ingress of this namespace has first."""
    return f"claimed.{namespace}.test"


def _annotated(name: str, annotation: str, value: str, namespace: str) -> Hostile:
    host = f"{name}.{namespace}.test"
    service = objects.service(name, selector={"app": GOOD})
    made = objects.ingress(name, {host: [objects.path(name)]}, annotations={f"haproxy.org/{annotation}": value})
    # who may come in is not known: nobody may
    return Hostile(name, (service, made), served=host, status=403 if annotation == "allow-list" else 200, told=name)


def _broken(name: str, namespace: str, path: Json, *more: Json, told: str = "") -> Hostile:
    """One path is wrong, the other is not."""
    host = f"{name}.{namespace}.test"
    return Hostile(
        name, (*more, objects.ingress(name, {host: [path, objects.path(GOOD)]})), served=host, told=told or name
    )


def _services(namespace: str) -> tuple[Hostile, ...]:
    portless = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "portless"}, "spec": {"clusterIP": "None"}}
    external = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "external"},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    }
    stored = {"apiGroup": "example.com", "kind": "StorageBucket", "name": "bucket"}
    return (
        _broken("service-missing", namespace, objects.path("nobody", "/bad")),
        _broken("service-without-ports", namespace, objects.path("portless", "/bad"), portless),
        _broken("service-port-missing", namespace, objects.path(GOOD, "/bad", port=4711)),
        _broken("service-port-name-missing", namespace, objects.path(GOOD, "/bad", port="nobody")),
        _broken("service-external", namespace, objects.path("external", "/bad"), external, told="external"),
        _broken(
            "backend-of-a-resource",
            namespace,
            {"path": "/bad", "pathType": "Prefix", "backend": {"resource": stored}},
        ),
    )


def _secrets(namespace: str) -> tuple[Hostile, ...]:
    certificate, key = certificates.certificate("x.test")
    other = certificates.certificate("x.test")[0]
    data = {
        "secret-without-key": {"tls.crt": certificate},
        "secret-without-certificate": {"tls.key": key},
        "secret-of-garbage": {"tls.crt": "garbage", "tls.key": "garbage"},
        "secret-of-strangers": {"tls.crt": other, "tls.key": key},
        "secret-missing": {},
    }
    made = []
    for name, texts in data.items():
        host = f"{name}.{namespace}.test"
        secrets = [certificates.secret(name, texts, kind="Opaque")] if texts else []
        tls = [{"hosts": [host], "secretName": name}]
        service = objects.service(name, selector={"app": GOOD})
        made.append(
            Hostile(name, (*secrets, service, objects.ingress(name, {host: [objects.path(name)]}, tls=tls)), told=name)
        )
    return tuple(made)


def _rules(namespace: str, other_namespace: str) -> tuple[Hostile, ...]:
    claimed = claimed_twice(other_namespace)
    return (
        _broken(
            "path-with-spaces-and-newlines",
            namespace,
            objects.path(GOOD, "/a b\n  http-request deny\n", "ImplementationSpecific"),
        ),
        _broken("path-with-quotes", namespace, objects.path(GOOD, "/\"'\\ #{}%[src]\t", "ImplementationSpecific")),
        Hostile(
            "host-claimed-twice",
            (objects.ingress("host-claimed-twice", {claimed: [objects.path(GOOD)]}),),
            told="host-claimed-twice",
        ),
    )

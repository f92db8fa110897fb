"""TLS from Secrets: which certificate for which name, rotation without a reload, and what a bad Secret costs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.cluster import certificates, inside, objects
from tests.cluster.apps import App, serving
from tests.cluster.asking import certificate
from tests.cluster.kindly import Cluster, until


@pytest.fixture(scope="module")
def app(cluster: Cluster) -> Iterator[App]:
    with serving(cluster, 1) as made:
        yield made


def presented(app: App, name: str) -> int:
    """The serial number of the certificate for a server name; 0 when the handshake fails."""
    try:
        return certificates.serial(certificate(app.cluster.https_port, name))
    except OSError:
        return 0


def presents(app: App, name: str, serial: int) -> bool:
    return presented(app, name) == serial


def secure(app: App, name: str, *hosts: str) -> int:
    """An Ingress with a certificate of its own; the certificate's serial number."""
    made, serial = certificates.tls_secret(name, *hosts)
    app.cluster.apply(
        made,
        objects.ingress(
            name, {host: [objects.path("app")] for host in hosts}, tls=[{"hosts": list(hosts), "secretName": name}]
        ),
        namespace=app.namespace,
    )
    return serial


def test_each_name_gets_the_certificate_of_its_secret(app: App) -> None:
    one, two = secure(app, "one", "one.tls.test"), secure(app, "two", "two.tls.test")
    until(lambda: presented(app, "one.tls.test") == one, "the first certificate", 20.0)
    until(lambda: presented(app, "two.tls.test") == two, "the second certificate", 20.0)
    answer = App(app.cluster, app.namespace, "one.tls.test").ask(tls=True)
    assert answer.status == 200
    assert answer.seen["headers"]["x-forwarded-proto"] == "https"


def test_a_wildcard_certificate_serves_every_host_under_it(app: App) -> None:
    serial = secure(app, "wild", "*.wild.test")
    until(lambda: presented(app, "any.wild.test") == serial, "the wildcard's certificate", 20.0)
    other = App(app.cluster, app.namespace, "other.wild.test")
    until(lambda: other.ask(tls=True).status == 200, "the wildcard's host", 20.0)


def test_a_rotated_secret_is_presented_without_a_reload(app: App) -> None:
    first = secure(app, "rotated", "rotated.tls.test")
    until(lambda: presented(app, "rotated.tls.test") == first, "the first certificate", 20.0)
    reloads = inside.reloads(app.cluster)
    for _ in range(3):
        made, serial = certificates.tls_secret("rotated", "rotated.tls.test")
        app.cluster.apply(made, namespace=app.namespace)
        until(partial(presents, app, "rotated.tls.test", serial), "the new certificate", 20.0, 0.02)
    assert inside.reloads(app.cluster) == reloads


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("without-key", {"tls.crt": certificates.certificate("x.test")[0]}),
        ("of-garbage", {"tls.crt": "no certificate", "tls.key": "no key"}),
        (
            "of-strangers",
            {"tls.crt": certificates.certificate("x.test")[0], "tls.key": certificates.certificate("x.test")[1]},
        ),
    ],
)
def test_a_bad_secret_leaves_an_event_and_costs_only_its_own_tls(app: App, name: str, data: dict[str, str]) -> None:
    good = secure(app, f"good-{name}", f"good-{name}.test")
    host = f"{name}.test"
    app.cluster.apply(
        certificates.secret(name, data, kind="Opaque"),
        objects.ingress(name, {host: [objects.path("app")]}, tls=[{"hosts": [host], "secretName": name}]),
        namespace=app.namespace,
    )
    print(inside.warned(app.cluster, app.namespace, name))
    until(lambda: presented(app, f"good-{name}.test") == good, "the good certificate", 20.0)


def test_a_missing_secret_is_used_once_it_is_there(app: App) -> None:
    host = "late.tls.test"
    app.cluster.apply(
        objects.ingress("late", {host: [objects.path("app")]}, tls=[{"hosts": [host], "secretName": "late"}]),
        namespace=app.namespace,
    )
    print(inside.warned(app.cluster, app.namespace, "late"))
    made, serial = certificates.tls_secret("late", host)
    app.cluster.apply(made, namespace=app.namespace)
    until(lambda: presented(app, host) == serial, "the certificate that came late", 20.0)


def test_tls_of_one_ingress_does_not_redirect_the_hosts_of_another(app: App) -> None:
    secure(app, "redirects", "redirects.tls.test")
    redirects = App(app.cluster, app.namespace, "redirects.tls.test")
    until(lambda: redirects.ask().status == 302, "a host with TLS is sent to https", 20.0)
    assert app.ask().status == 200


def test_no_key_is_in_the_logs(app: App) -> None:
    secure(app, "quiet", "quiet.tls.test")
    until(lambda: presented(app, "quiet.tls.test"), "a certificate", 20.0)
    for container in ("controller", "proxy"):
        assert "PRIVATE KEY" not in inside.logs(app.cluster, container, 5000)

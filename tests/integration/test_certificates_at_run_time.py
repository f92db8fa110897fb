"""Certificates by SNI, changed in a running HAProxy."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from balancer.controller import Controller
from balancer.haproxy.process import HAProxy
from balancer.kube.default_certificate import self_signed
from balancer.policy.config import Certificate
from balancer.policy.objects import BackendRef, Ingress, IngressPath, Manifests, Service, ServicePort
from tests.integration.conftest import free_port, haproxy_under_test

SERVICE = Service("s", "ns", {"a": "b"}, (ServicePort(None, 80, 80),))
INGRESS = Ingress("i", "ns", (IngressPath(None, "/", "Prefix", BackendRef("s", 80)),))


def certificate(name: str, *hosts: str) -> Certificate:
    """A fresh one."""
    return Certificate(name, hosts, self_signed(Path("/nowhere")).pem)


DEFAULT = certificate("default.pem")


class Tls:
    """HAProxy with the controller core, and a client that asks for hosts."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.haproxy = HAProxy(
            haproxy_under_test(), directory / "run", directory / "log", bind_port=free_port(), https_port=self.port
        )
        self.controller = Controller(self.haproxy, self.manifests())
        self.controller.sync({})

    @staticmethod
    def manifests(*certificates: Certificate) -> Manifests:
        return Manifests(services=(SERVICE,), ingresses=(INGRESS,), certificates=(DEFAULT, *certificates))

    def serve(self, *certificates: Certificate) -> list[str]:
        """The commands that it took; there may be no reload."""
        self.controller.manifests = self.manifests(*certificates)
        result = self.controller.sync({})
        assert result.reasons == ()
        return [str(command) for command in result.commands]

    def shown(self, host: str | None) -> bytes | None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=5) as raw,
            context.wrap_socket(raw, server_hostname=host) as secure,
        ):
            return secure.getpeercert(binary_form=True)


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[Tls]:
    made = Tls(tmp_path)
    yield made
    made.haproxy.stop(0.0)


def der(found: Certificate) -> bytes:
    return ssl.PEM_cert_to_DER_cert(found.pem[: found.pem.index("-----BEGIN PRIVATE")])


def test_a_certificate_comes_is_renewed_moves_to_other_hosts_and_goes_without_a_reload(tls: Tls) -> None:
    assert tls.shown("tv.example") == der(DEFAULT)
    first = certificate("tv.pem", "tv.example", "*.tv.example")
    assert tls.serve(first) == ["add certificate tv.pem"]
    assert [tls.shown(host) for host in ("tv.example", "a.tv.example")] == [der(first)] * 2
    assert [tls.shown(host) for host in ("other.example", None)] == [der(DEFAULT)] * 2
    renewed = certificate("tv.pem", "tv.example", "*.tv.example")
    assert tls.serve(renewed) == ["renew certificate tv.pem"]
    assert tls.shown("tv.example") == der(renewed)
    moved = certificate("tv.pem", "radio.example")
    assert tls.serve(moved) == ["delete certificate tv.pem", "add certificate tv.pem"]
    assert (tls.shown("radio.example"), tls.shown("tv.example")) == (der(moved), der(DEFAULT))
    assert tls.serve() == ["delete certificate tv.pem"]
    assert tls.shown("radio.example") == der(DEFAULT)
    assert tls.haproxy.reloads == 0


def test_what_was_changed_at_run_time_is_there_after_a_reload_and_keys_that_went_are_gone(tls: Tls) -> None:
    kept, gone = certificate("kept.pem", "kept.example"), certificate("gone.pem", "gone.example")
    tls.serve(kept, gone)
    tls.serve(kept)
    assert tls.controller.current is not None
    tls.haproxy.reload(tls.controller.current)
    assert (tls.shown("kept.example"), tls.shown("gone.example")) == (der(kept), der(DEFAULT))
    assert sorted(path.name for path in (tls.haproxy.directory / "certs").iterdir()) == ["default.pem", "kept.pem"]

"""Brings up external.metrics.k8s.io, and keeps its certificates as they should be."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event

import structlog

from balancer.errors import BalancerError
from balancer.kube.api import ReadsAndWrites
from balancer.kube.external_metrics import API_SERVICE, ExternalMetrics, FrontProxy, front_proxy
from balancer.kube.http import HttpServer
from balancer.kube.load import ServiceLoad
from balancer.kube.serving_certificate import ServingCertificate, server_context

log = structlog.get_logger()

_CHECK_EVERY_S = 600.0
_RETRY_S = 5.0


@dataclass(frozen=True)
class _Trust:
    """What we show, and whom we let in."""

    context: ssl.SSLContext
    front: FrontProxy


class MetricsApi:
    """`loads` gives all replicas' loads together; `service` is the one that the APIService leads to."""

    def __init__(
        self,
        api: ReadsAndWrites,
        namespace: str,
        service: str,
        port: int,
        loads: Callable[[], Sequence[ServiceLoad] | None],
        leading: Callable[[], bool],
    ) -> None:
        self._api, self._port, self._leading = api, port, leading
        self._certificate = ServingCertificate(api, namespace, service, "matchday-balancer-serving")
        self._answers = ExternalMetrics(
            loads, lambda client: self._trust is not None and self._trust.front.admits(client)
        )
        self._trust: _Trust | None = None

    def run(self, stop: Event) -> None:
        """Serve until `stop`; what the API server refuses meanwhile is tried again."""
        server: HttpServer | None = None
        wait_s = 0.0
        while not stop.wait(wait_s):
            try:
                self._refresh()
                if server is None:
                    server = HttpServer("0.0.0.0", self._port, self._answers.answer, self._context)  # noqa: S104 - in a pod
                    server.start()
                wait_s = _CHECK_EVERY_S if self._leading() else _RETRY_S
            except (BalancerError, OSError, ValueError) as error:
                log.warning("external metrics are not served", why=str(error))
                wait_s = _RETRY_S
        if server is not None:
            server.close()

    def _refresh(self) -> None:
        pair = self._certificate.ensure(datetime.now(UTC))
        front = front_proxy(self._api)
        self._trust = _Trust(server_context(pair, front.authorities), front)
        if self._leading():
            self._certificate.publish(pair, API_SERVICE)

    def _context(self) -> ssl.SSLContext:
        assert self._trust is not None, "served only once there is one"
        return self._trust.context

"""The metrics API's server: up as soon as the cluster lets it, its certificate and whom it trusts kept fresh."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from threading import Event

import structlog

from balancer.errors import BalancerError
from balancer.kube.api import ReadsAndWrites
from balancer.kube.external_metrics import API_SERVICE, ExternalMetrics, FrontProxy, front_proxy
from balancer.kube.http import HttpServer
from balancer.kube.load import ServiceLoad
from balancer.kube.serving_certificate import ServingCertificate, ServingPair, server_context

_log = structlog.get_logger()
_REFRESH_S = 60.0
_RETRY_S = 5.0


class MetricsApi:
    """external.metrics.k8s.io on a port of its own. `refresh` in one thread.

    `loads` gives the loads of all replicas (None: unknown); `leading` says who tells the API server whom to trust.
    """

    def __init__(
        self,
        api: ReadsAndWrites,
        certificate: ServingCertificate,
        loads: Callable[[], Sequence[ServiceLoad] | None],
        leading: Callable[[], bool],
        *,
        address: str,
        port: int,
    ) -> None:
        self._api, self._certificate, self._leading = api, certificate, leading
        self._address, self._port = address, port
        self._answers = ExternalMetrics(loads, self._admits).answer
        self._trusts: tuple[ServingPair, FrontProxy] | None = None
        self._context: ssl.SSLContext | None = None
        self._server: HttpServer | None = None

    @property
    def port(self) -> int | None:
        """Where it listens; None as long as it does not."""
        return self._server.port if self._server else None

    def refresh(self, now: datetime) -> None:
        """Look whether certificate and front proxy are still those we use; listen once there are both.

        BalancerError (ApiError, ApiUnavailableError among them) when the cluster does not tell them, OSError when
        the port is taken. What was served before goes on.
        """
        trusts = (self._certificate.ensure(now), front_proxy(self._api))
        if trusts != self._trusts:
            try:
                self._context = server_context(trusts[0], trusts[1].authorities)
            except (ValueError, ssl.SSLError) as error:
                raise BalancerError(f"the front proxy's authority cannot be used: {error}") from error
            self._trusts = trusts
        if self._server is None:
            self._server = HttpServer(self._address, self._port, self._answers, self._tls)
            self._server.start()
            _log.info("metrics API", port=self._server.port)
        if self._leading() and self._certificate.publish(trusts[0], API_SERVICE):
            _log.info("the API server trusts the metrics API", api_service=API_SERVICE)

    def run(self, stop: Event) -> None:
        """Refresh now and then until `stop`, whatever the cluster says; then close."""
        while not stop.is_set():
            wait_s = _REFRESH_S
            try:
                self.refresh(datetime.now(UTC))
            except (BalancerError, OSError) as error:
                _log.warning("metrics API not refreshed", serving=self._server is not None, why=str(error))
                wait_s = _RETRY_S
            # who does not lead yet may in a moment, and then nobody else tells the API server
            stop.wait(wait_s if self._leading() else _RETRY_S)
        if self._server is not None:
            self._server.close()

    def _admits(self, client: str) -> bool:
        return self._trusts is not None and self._trusts[1].admits(client)

    def _tls(self) -> ssl.SSLContext:
        assert self._context is not None
        return self._context

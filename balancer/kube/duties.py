"""What is done beside the loop, once a second: the load is looked at; who leads writes status and Events.

None of it may ever delay the loop, which alone decides what the proxy does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event

import structlog

from balancer.errors import BalancerError
from balancer.haproxy.proxy import Proxy
from balancer.kube.api import Json, ReadsAndWrites
from balancer.kube.app import View
from balancer.kube.events import Recorder
from balancer.kube.load import LoadMeter
from balancer.kube.metrics import ControllerMetrics
from balancer.kube.status import Addresses, StatusWriter, addresses

log = structlog.get_logger()

_EVERY_S = 1.0
# Our own Service may be given an address at any time, seldom though.
_SERVICE_EVERY_S = 10.0


class Duties:
    """`view` is what the loop knows now; `published` and `host_ip` are where clients may reach us."""

    def __init__(
        self,
        api: ReadsAndWrites,
        service: tuple[str, str],
        view: Callable[[], View],
        leading: Callable[[], bool],
        recorder: Recorder,
        metrics: ControllerMetrics,
        *,
        published: Addresses,
        host_ip: str,
        pod_ip: str,
    ) -> None:
        self._api, self._service, self._view, self._leading = api, service, view, leading
        self._recorder, self._metrics = recorder, metrics
        self._status = StatusWriter(api, leading)
        self._published, self._host_ip, self._pod_ip = published, host_ip, pod_ip
        self._own: Json | None = None
        self._asked_s = float("-inf")
        self.meter = LoadMeter()

    def run(self, proxy: Proxy, synced: Event, stop: Event) -> None:
        """From the first sync until `stop`; then the status goes, if nobody else is there to serve."""
        while not synced.is_set() and not stop.is_set():
            synced.wait(_EVERY_S)
        while not stop.wait(_EVERY_S):
            self._look(proxy)
            self._metrics.leader.set(self._leading())
            self._status.sync(self._view().ingresses, self._addresses())
            if self._leading():
                self._recorder.write()
        if self._leading() and not set(self._view().proxies) - {self._pod_ip}:
            log.info("status withdrawn", ingresses=self._status.withdraw_all())

    def others(self) -> tuple[str, ...]:
        """Addresses of the other replicas' proxies."""
        return tuple(address for address in self._view().proxies if address != self._pod_ip)

    def _look(self, proxy: Proxy) -> None:
        try:
            self.meter.look(proxy.runtime.stats(), time.monotonic())
        except BalancerError as error:
            log.debug("no load", why=str(error))

    def _addresses(self) -> Addresses:
        if not self._published and time.monotonic() >= self._asked_s + _SERVICE_EVERY_S:
            self._asked_s = time.monotonic()
            namespace, name = self._service
            try:
                self._own = self._api.get(f"/api/v1/namespaces/{namespace}/services/{name}")
            except BalancerError as error:
                log.warning("our own Service is not known", why=str(error))
        return addresses(self._published, self._own, [self._host_ip] if self._host_ip else [])

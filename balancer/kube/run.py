"""Wires the controller's process together, and takes it down in the right order."""

from __future__ import annotations

import logging
import signal
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import structlog

from balancer.haproxy.binary import find_binary
from balancer.haproxy.supervised import SupervisedProxy
from balancer.kube import kinds
from balancer.kube.api import connect
from balancer.kube.app import Loop, Own, start_watches
from balancer.kube.cluster import Cluster, Refusal
from balancer.kube.default_certificate import self_signed
from balancer.kube.metrics import ControllerMetrics
from balancer.policy.desired import CONFIG_MAP

log = structlog.get_logger()


@dataclass(frozen=True)
class Settings:
    """What the command line and the pod's environment say. Ports on every address; `context` None in a cluster."""

    directory: Path
    http_port: int
    https_port: int
    exporter_port: int
    status_port: int
    metrics_api_port: int
    ingress_class: str
    namespace: str
    pod: str
    service: str
    publish_addresses: tuple[str, ...]
    allow_snippets: bool
    context: str | None
    log_level: str


def run(settings: Settings) -> int:
    """Until SIGTERM or SIGINT. BalancerError when there is no way to a cluster or no HAProxy."""
    logging.basicConfig(level=logging.WARNING)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.log_level.upper())),
    )
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    api = connect(settings.context)
    watched = kinds.watched(settings.namespace, CONFIG_MAP)
    cluster = Cluster(watched, settings.ingress_class, self_signed(settings.directory))
    proxy = SupervisedProxy(
        find_binary(),
        settings.directory,
        bind_address="0.0.0.0",  # noqa: S104 - a pod's whole purpose
        bind_port=settings.http_port,
        https_port=settings.https_port,
        metrics_port=settings.exporter_port,
    )

    def refused(refusals: tuple[Refusal, ...]) -> None:
        for refusal in refusals:
            log.warning("refused", object=str(refusal.ref), problem=str(refusal.problem))

    loop = Loop(
        proxy,
        cluster,
        ControllerMetrics(),
        Own(settings.namespace, settings.service),
        refused,
        allow_snippets=settings.allow_snippets,
    )
    start_watches(api, watched, loop, stop)
    loop.run(stop)
    return 0

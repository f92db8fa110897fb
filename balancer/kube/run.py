"""Wires the controller's process together, and takes it down in the right order."""

from __future__ import annotations

import logging
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import structlog

from balancer.haproxy.binary import find_binary
from balancer.haproxy.supervised import SupervisedProxy
from balancer.kube import kinds
from balancer.kube.api import connect
from balancer.kube.app import Loop, start_watches
from balancer.kube.cluster import Cluster
from balancer.kube.default_certificate import self_signed
from balancer.kube.duties import Duties
from balancer.kube.events import Recorder
from balancer.kube.http import HttpServer, own_answers
from balancer.kube.lease import Election
from balancer.kube.load import ServiceLoad, to_json
from balancer.kube.metrics import ControllerMetrics, ProxyMetrics
from balancer.kube.metrics_api import MetricsApi
from balancer.kube.peers import Peers
from balancer.policy.desired import CONFIG_MAP

# How long a helper may take to leave things tidy.
_PATIENCE_S = 5.0


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
    pod_ip: str
    host_ip: str
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
    own = (settings.namespace, settings.service)
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
    metrics = ControllerMetrics()
    metrics.registry.register(ProxyMetrics(lambda: proxy.runtime.stats(), cluster.node_of))  # noqa: PLW0108 - a reload changes the socket
    recorder = Recorder(api, settings.pod)
    loop = Loop(proxy, cluster, metrics, own, recorder.stand, allow_snippets=settings.allow_snippets)
    election = Election(api, settings.namespace, settings.service, settings.pod)

    def leading() -> bool:
        return election.leading

    duties = Duties(
        api,
        own,
        lambda: loop.view,
        leading,
        recorder,
        metrics,
        published=settings.publish_addresses,
        host_ip=settings.host_ip,
        pod_ip=settings.pod_ip,
    )
    peers = Peers(lambda: [f"{address}:{settings.status_port}" for address in duties.others()])

    def own_loads() -> tuple[ServiceLoad, ...]:
        return duties.meter.loads(time.monotonic())

    status = HttpServer(
        "0.0.0.0",  # noqa: S104 - in a pod
        settings.status_port,
        own_answers(
            healthy=lambda: loop.alive(time.monotonic()),
            ready=loop.synced.is_set,
            registry=metrics.registry,
            load=lambda: to_json(own_loads()),
        ),
    )
    status.start()
    metrics_api = MetricsApi(
        api,
        settings.namespace,
        f"{settings.service}-metrics",
        settings.metrics_api_port,
        lambda: peers.whole(own_loads()).loads,
        leading,
    )
    start_watches(api, watched, loop, stop)
    # the Lease is given back last of all, when nothing is written any more
    duties_done = Event()
    helpers = [
        Thread(target=election.run, args=(duties_done,), name="election", daemon=True),
        Thread(target=metrics_api.run, args=(stop,), name="metrics API", daemon=True),
    ]

    def do_duties() -> None:
        try:
            duties.run(proxy, loop.synced, stop)
        finally:
            duties_done.set()

    helpers.append(Thread(target=do_duties, name="duties", daemon=True))
    for helper in helpers:
        helper.start()
    try:
        loop.run(stop)
    finally:
        stop.set()
        for helper in helpers:
            helper.join(timeout=_PATIENCE_S)
        status.close()
    return 0

"""Wires the controller's process together, and takes it down in the right order."""

from __future__ import annotations

import logging
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import structlog

from balancer.errors import BalancerError
from balancer.haproxy.binary import find_binary
from balancer.haproxy.supervised import SupervisedProxy
from balancer.kube import kinds
from balancer.kube.api import connect
from balancer.kube.app import Loop, start_watches
from balancer.kube.cluster import Cluster
from balancer.kube.default_certificate import self_signed
from balancer.kube.duties import Duties, Published
from balancer.kube.events import Recorder
from balancer.kube.http import HttpServer, own_answers
from balancer.kube.lease import Election
from balancer.kube.load import LoadMeter, ServiceLoad, keep_looking, to_json
from balancer.kube.metrics import ControllerMetrics
from balancer.kube.metrics_api import MetricsApi
from balancer.kube.peers import Peers
from balancer.kube.proxy_metrics import proxy_metrics
from balancer.kube.serving_certificate import ServingCertificate
from balancer.policy.desired import CONFIG_MAP

_ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - a pod's whole purpose
_GIVES_WAY_S = 0.0005
# How long a helper may take to leave things tidy.
_PATIENCE_S = 5.0


@dataclass(frozen=True)
class Settings:
    """What the command line and the pod's environment say.

    Ports on every address; `metrics_api_port` 0 serves no external metrics; `context` None in a cluster.
    """

    directory: Path
    http_port: int
    https_port: int
    exporter_port: int
    status_port: int
    metrics_api_port: int
    ingress_class: str
    controller_name: str
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
    _log_as_json(settings.log_level)
    # a thread that computes (a scrape, a list) gives way to the loop within this, not within 5 ms
    sys.setswitchinterval(_GIVES_WAY_S)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    api = connect(settings.context)
    own = (settings.namespace, settings.service)
    watched = kinds.watched(settings.namespace, CONFIG_MAP)
    cluster = Cluster(watched, settings.ingress_class, self_signed(settings.directory), settings.controller_name)
    proxy = SupervisedProxy(
        find_binary(),
        settings.directory,
        bind_address=_ANY_ADDRESS,
        bind_port=settings.http_port,
        https_port=settings.https_port,
        metrics_port=settings.exporter_port,
    )
    metrics = ControllerMetrics()
    election = Election(api, settings.namespace, settings.service, settings.pod)
    published = Published(settings.namespace, settings.service, settings.publish_addresses, _known(settings.host_ip))
    duties = Duties(
        api,
        election,
        Recorder(api, settings.pod),
        published,
        led=metrics.leader.set,
        last=lambda: not set(loop.proxies) - {settings.pod_ip},
    )
    loop = Loop(proxy, cluster, metrics, own, duties.tell, allow_snippets=settings.allow_snippets)
    meter = LoadMeter()
    peers = Peers(lambda: [f"{ip}:{settings.status_port}" for ip in loop.proxies if ip != settings.pod_ip])

    def show_stat() -> str:
        return proxy.runtime.ask(["show stat"])[0]

    def own_loads() -> tuple[ServiceLoad, ...]:
        return meter.loads(time.monotonic())

    answers = own_answers(
        healthy=lambda: loop.alive(time.monotonic()),
        ready=loop.synced.is_set,
        registry=metrics.registry,
        load=lambda: to_json(own_loads()),
        proxy=lambda: proxy_metrics(show_stat, cluster.node_of),
    )
    try:
        status = HttpServer(_ANY_ADDRESS, settings.status_port, answers)
    except OSError as error:
        raise BalancerError(f"cannot listen on port {settings.status_port}: {error.strerror}") from error
    metrics_api = MetricsApi(
        api,
        ServingCertificate(api, settings.namespace, f"{settings.service}-metrics", f"{settings.service}-serving"),
        lambda: peers.whole(own_loads()).loads,
        lambda: election.leading,
        address=_ANY_ADDRESS,
        port=settings.metrics_api_port,
    )

    def look() -> None:
        loop.synced.wait()
        keep_looking(meter, show_stat, stop)

    status.start()
    # watched until HAProxy has ended: while it finishes requests its pods come and go
    ended = Event()
    start_watches(api, watched, loop, ended)
    Thread(target=look, name="load", daemon=True).start()
    helpers = [Thread(target=duties.run, args=(stop,), name="duties", daemon=True)]
    if settings.metrics_api_port:
        helpers.append(Thread(target=metrics_api.run, args=(stop,), name="metrics API", daemon=True))
    for helper in helpers:
        helper.start()
    try:
        loop.run(stop)
    finally:
        stop.set()
        ended.set()
        for helper in helpers:
            helper.join(timeout=_PATIENCE_S)
        status.close()
    return 0


def _known(address: str) -> tuple[str, ...]:
    return (address,) if address else ()


def _log_as_json(level: str) -> None:
    logging.basicConfig(level=logging.WARNING)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
    )

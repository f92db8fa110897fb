from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest

from balancer.errors import BalancerError
from balancer.kube.api import ApiUnavailableError
from balancer.kube.load import ServiceLoad
from balancer.kube.metrics_api import MetricsApi
from balancer.kube.serving_certificate import LIFETIME, ServingCertificate
from tests.balancer.kube.certificates import Client, ask, client, client_context
from tests.balancer.kube.objects import Objects

CONFIG = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
API_SERVICE = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.external.metrics.k8s.io"
HOST = "matchday-balancer-metrics.matchday.svc"
PATH = "/apis/external.metrics.k8s.io/v1beta1/namespaces/fan/matchday_queue_length"
NOW = datetime.now(UTC)


class Cluster:
    """An API server with a front proxy, and our metrics API on a free port."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.proxy, self.leads = directory, client("front-proxy-client"), True
        service = {"namespace": "matchday", "name": "matchday-balancer-metrics"}
        self.api = Objects({API_SERVICE: {"spec": {"service": service}}})
        self.trust(self.proxy)
        self.certificate = ServingCertificate(self.api, "matchday", "matchday-balancer-metrics", "serving")
        load = ServiceLoad("fan", "live", "http", requests_per_s=1, queued=4, in_flight=2, pods=1)
        self.metrics = MetricsApi(
            self.api, self.certificate, lambda: (load,), lambda: self.leads, address="127.0.0.1", port=0
        )

    def trust(self, who: Client, names: str = '["front-proxy-client"]') -> None:
        data = {"requestheader-client-ca-file": who.authority, "requestheader-allowed-names": names}
        self.api.put(CONFIG, {"data": data})

    def ask(self, who: Client, at: datetime = NOW) -> int:
        assert self.metrics.port is not None
        context = client_context(self.directory, self.certificate.ensure(at).authorities, who)
        return ask(self.metrics.port, PATH, context, HOST)[0]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    found = Cluster(tmp_path)
    yield found
    stop = Event()
    stop.set()
    found.metrics.run(stop)


def test_after_one_look_at_the_cluster_the_api_server_is_answered_and_trusts_us(cluster: Cluster) -> None:
    assert cluster.metrics.port is None
    cluster.metrics.refresh(NOW)
    assert cluster.ask(cluster.proxy) == 200
    assert cluster.api.objects[API_SERVICE]["spec"]["caBundle"]


def test_only_the_leader_tells_the_api_server_whom_to_trust(cluster: Cluster) -> None:
    cluster.leads = False
    cluster.metrics.refresh(NOW)
    assert "caBundle" not in cluster.api.objects[API_SERVICE]["spec"]
    assert cluster.ask(cluster.proxy) == 200


def test_a_front_proxy_of_another_name_is_not_answered(cluster: Cluster) -> None:
    cluster.trust(cluster.proxy, '["somebody-else"]')
    cluster.metrics.refresh(NOW)
    assert cluster.ask(cluster.proxy) == 403


def test_a_new_front_proxy_replaces_the_old_one(cluster: Cluster) -> None:
    cluster.metrics.refresh(NOW)
    successor = client("front-proxy-client")
    cluster.trust(successor)
    cluster.metrics.refresh(NOW)
    assert cluster.ask(successor) == 200
    with pytest.raises(OSError, match=r"unknown ca|decrypt error|reset|EOF|closed|Broken pipe"):
        cluster.ask(cluster.proxy)


def test_a_renewed_certificate_is_shown_without_a_restart(cluster: Cluster) -> None:
    cluster.metrics.refresh(NOW)
    port, later = cluster.metrics.port, NOW + LIFETIME - timedelta(days=1)
    old = cluster.api.objects[API_SERVICE]["spec"]["caBundle"]
    cluster.metrics.refresh(later)
    assert cluster.metrics.port == port
    assert cluster.api.objects[API_SERVICE]["spec"]["caBundle"] != old


def test_a_cluster_that_says_no_leaves_what_is_served(cluster: Cluster) -> None:
    cluster.metrics.refresh(NOW)
    cluster.api.up = False
    with pytest.raises(ApiUnavailableError):
        cluster.metrics.refresh(NOW)
    cluster.api.up = True
    assert cluster.ask(cluster.proxy) == 200


def test_an_authority_that_is_none_is_said_in_one_line(cluster: Cluster) -> None:
    cluster.api.put(CONFIG, {"data": {"requestheader-client-ca-file": "hello"}})
    with pytest.raises(BalancerError, match="front proxy's authority"):
        cluster.metrics.refresh(NOW)


def test_the_loop_serves_until_told_to_stop(cluster: Cluster) -> None:
    stop = Event()
    thread = Thread(target=cluster.metrics.run, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 10
    while cluster.metrics.port is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert cluster.ask(cluster.proxy) == 200
    stop.set()
    thread.join(timeout=10)
    with pytest.raises(ConnectionError):
        cluster.ask(cluster.proxy)

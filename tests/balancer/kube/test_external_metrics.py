from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from balancer.errors import BalancerError
from balancer.kube.external_metrics import ExternalMetrics, FrontProxy, SelectorError, front_proxy, selector
from balancer.kube.http import HttpServer, Request
from balancer.kube.load import ServiceLoad
from balancer.kube.serving_certificate import make_pair, server_context
from tests.balancer.kube.certificates import ask, client, client_context
from tests.balancer.kube.objects import Objects

LOADS = (
    ServiceLoad("fan", "live", "http", requests_per_s=12.5, queued=4, in_flight=6, pods=3),
    ServiceLoad("fan", "live", "admin", requests_per_s=1, queued=0, in_flight=1, pods=3),
    ServiceLoad("fan", "shop", "http", requests_per_s=2, queued=1, in_flight=2, pods=0),
    ServiceLoad("other", "live", "http", requests_per_s=900, queued=90, in_flight=90, pods=1),
)
BASE = "/apis/external.metrics.k8s.io/v1beta1"
CONFIG = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
HOST = "matchday-balancer-metrics.matchday.svc"


def told(
    path: str, query: dict[str, str] | None = None, loads: Sequence[ServiceLoad] | None = LOADS, who: str = "aggregator"
) -> tuple[int, Any]:
    metrics = ExternalMetrics(
        lambda: loads,
        FrontProxy("pem", ("aggregator",)).admits,
        utc_now=lambda: datetime(2026, 6, 11, 16, tzinfo=UTC),
    )
    answer = metrics.answer(Request(path, query or {}, client=who))
    return answer.status, json.loads(answer.body)


def values(metric: str, labels: str, namespace: str = "fan") -> list[str]:
    status, found = told(f"{BASE}/namespaces/{namespace}/{metric}", {"labelSelector": labels})
    assert status == 200
    return [item["value"] for item in found["items"]]


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("matchday_requests_per_second", "12500m"),
        ("matchday_queue_length", "4000m"),
        ("matchday_in_flight", "6000m"),
        ("matchday_in_flight_per_pod", "2000m"),
    ],
)
def test_each_metric_of_a_services_port(metric: str, value: str) -> None:
    assert values(metric, "service=live,port=http") == [value]


def test_a_value_is_as_the_api_has_it() -> None:
    _, found = told(f"{BASE}/namespaces/fan/matchday_requests_per_second", {"labelSelector": "service=shop"})
    assert found == {
        "kind": "ExternalMetricValueList",
        "apiVersion": "external.metrics.k8s.io/v1beta1",
        "metadata": {},
        "items": [
            {
                "metricName": "matchday_requests_per_second",
                "metricLabels": {"service": "shop", "port": "http"},
                "timestamp": "2026-06-11T16:00:00Z",
                "windowSeconds": 10,
                "value": "2000m",
            }
        ],
    }


def test_a_service_without_a_port_named_has_one_value_for_each_port() -> None:
    assert values("matchday_in_flight", "service=live") == ["6000m", "1000m"]


def test_without_selector_it_is_the_whole_namespace_and_no_other() -> None:
    assert values("matchday_queue_length", "") == ["4000m", "0m", "1000m"]


def test_what_is_in_flight_toward_no_pod_counts_as_for_one() -> None:
    assert values("matchday_in_flight_per_pod", "service=shop") == ["2000m"]


def test_a_service_nobody_knows_has_no_value_rather_than_zero() -> None:
    assert values("matchday_queue_length", "service=nothing") == []


def test_an_unknown_metric_is_a_404_that_names_the_known_ones() -> None:
    status, found = told(f"{BASE}/namespaces/fan/cpu")
    assert (status, found["kind"], found["reason"]) == (404, "Status", "NotFound")
    assert "matchday_queue_length" in found["message"]


def test_a_wrong_selector_is_a_400_that_says_what_is_allowed() -> None:
    status, found = told(f"{BASE}/namespaces/fan/matchday_in_flight", {"labelSelector": "app=live"})
    assert (status, found["code"]) == (400, 400)
    assert found["message"] == "label 'app': one of service, port"


def test_unknown_loads_are_an_error_and_never_zero() -> None:
    assert told(f"{BASE}/namespaces/fan/matchday_in_flight", loads=None)[0] == 503


def test_only_the_front_proxy_is_answered() -> None:
    status, found = told(BASE, who="somebody")
    assert (status, found["reason"]) == (403, "Forbidden")
    assert FrontProxy("pem").admits("anybody of that authority")


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/apis", "APIGroupList"), ("/apis/external.metrics.k8s.io", "APIGroup"), (BASE, "APIResourceList")],
)
def test_discovery(path: str, kind: str) -> None:
    for spelled in (path, path + "/"):
        status, found = told(spelled)
        assert (status, found["kind"]) == (200, kind)


def test_discovery_lists_the_metrics() -> None:
    _, found = told(BASE)
    assert {(each["name"], each["namespaced"]) for each in found["resources"]} == {
        ("matchday_requests_per_second", True),
        ("matchday_queue_length", True),
        ("matchday_in_flight", True),
        ("matchday_in_flight_per_pod", True),
    }


@pytest.mark.parametrize("path", ["/openapi/v2", "/openapi/v3"])
def test_openapi_is_empty_but_there(path: str) -> None:
    assert told(path)[1]["paths"] == {}


@pytest.mark.parametrize("path", ["/", "/api", "/apis/metrics.k8s.io", f"{BASE}/matchday_in_flight"])
def test_other_paths_do_not_exist(path: str) -> None:
    assert told(path)[0] == 404


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("service=live", "live/http live/admin live/http"),
        ("service==live,port=http", "live/http live/http"),
        ("port=http, service=live", "live/http live/http"),
        ("service!=live", "shop/http"),
        ("service in (shop, live),port notin (http)", "live/admin"),
        ("service,port=admin", "live/admin"),
        ("!service", ""),
    ],
)
def test_selectors_are_read_as_kubernetes_reads_them(text: str, chosen: str) -> None:
    meant = selector(text)
    assert " ".join(f"{load.service}/{load.port}" for load in LOADS if meant(load)) == chosen


@pytest.mark.parametrize("text", ["=live", "service=a b", "service in live", "service=live=b", ",", "app", "!app"])
def test_selectors_that_mean_nothing_are_refused(text: str) -> None:
    with pytest.raises(SelectorError):
        selector(text)


def test_who_the_front_proxy_is_stands_in_the_cluster() -> None:
    data = {"requestheader-client-ca-file": "PEM", "requestheader-allowed-names": '["front-proxy-client"]'}
    found = front_proxy(Objects({CONFIG: {"data": data}}))
    assert found == FrontProxy("PEM", ("front-proxy-client",))


def test_a_cluster_without_front_proxy_says_so() -> None:
    with pytest.raises(BalancerError, match="requestheader-client-ca-file"):
        front_proxy(Objects({CONFIG: {"data": {"client-ca-file": "PEM"}}}))


@pytest.fixture
def https(tmp_path: Path) -> Iterator[tuple[int, Any]]:
    proxy = client("aggregator")
    pair = make_pair((HOST,), datetime.now(UTC))
    context = server_context(pair, proxy.authority)
    metrics = ExternalMetrics(lambda: LOADS, FrontProxy(proxy.authority, ("aggregator",)).admits)
    server = HttpServer("127.0.0.1", 0, metrics.answer, lambda: context)
    server.start()
    yield server.port, client_context(tmp_path, pair.authorities, proxy)
    server.close()


def test_over_tls_the_api_server_gets_a_services_queue(https: tuple[int, Any]) -> None:
    port, context = https
    path = f"{BASE}/namespaces/fan/matchday_queue_length?labelSelector=service%3Dlive%2Cport%3Dhttp"
    status, found = ask(port, path, context, HOST)
    assert (status, found["items"][0]["value"]) == (200, "4000m")

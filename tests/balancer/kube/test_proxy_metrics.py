from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from balancer.errors import HAProxyUnavailableError
from balancer.kube.proxy_metrics import proxy_metrics

STAT = """\
# pxname,svname,qcur,scur,stot,bin,bout,econ,eresp,wretr,wredis,status,weight,type,hrsp_1xx,hrsp_2xx,hrsp_3xx,\
hrsp_4xx,hrsp_5xx,addr,
http,FRONTEND,,2,9,700,800,,,,,OPEN,,0,0,5,0,1,0,,
fan_live_http,pod-a,3,4,7,500,600,1,2,3,4,UP,100,2,0,6,0,0,1,10.0.0.1:80,
fan_live_http,pod-b,0,1,2,50,60,0,0,0,0,DRAIN,100,2,0,2,0,0,0,10.0.0.2:80,
fan_live_http,BACKEND,5,10,9,550,660,1,2,3,4,UP,200,1,0,8,0,0,1,,
"""
LIVE = {"namespace": "fan", "service": "live", "port": "http"}
POD_A = {**LIVE, "pod": "pod-a", "node": "node-1"}


def node_of(namespace: str, pod: str) -> str:
    return {("fan", "pod-a"): "node-1"}.get((namespace, pod), "")


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """What Prometheus' own parser reads."""
    families = list(text_string_to_metric_families(text))
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


@pytest.mark.parametrize(
    ("metric", "labels", "value"),
    [
        ("matchday_proxy_up", {}, 1),
        ("matchday_pods_in_rotation", LIVE, 1),
        ("matchday_queue_length", LIVE, 8),
        ("matchday_in_flight", LIVE, 5),
        ("matchday_requests_total", LIVE, 9),
        ("matchday_responses_total", {**LIVE, "code": "5xx"}, 1),
        ("matchday_bytes_total", {**LIVE, "direction": "out"}, 660),
        ("matchday_failures_total", {**LIVE, "what": "redispatch"}, 4),
        ("matchday_pod_in_rotation", POD_A, 1),
        ("matchday_pod_in_rotation", {**LIVE, "pod": "pod-b", "node": ""}, 0),
        ("matchday_pod_queue_length", POD_A, 3),
        ("matchday_pod_in_flight", POD_A, 4),
        ("matchday_pod_requests_total", POD_A, 7),
        ("matchday_pod_responses_total", {**POD_A, "code": "2xx"}, 6),
        ("matchday_pod_bytes_total", {**POD_A, "direction": "in"}, 500),
        ("matchday_pod_failures_total", {**POD_A, "what": "retry"}, 3),
    ],
)
def test_a_scrape_tells_what_haproxy_counts(metric: str, labels: dict[str, str], value: float) -> None:
    assert samples(proxy_metrics(lambda: STAT, node_of))[metric, frozenset(labels.items())] == value


def test_a_dead_proxy_is_a_zero_and_no_failed_scrape() -> None:
    def gone() -> str:
        raise HAProxyUnavailableError("gone")

    assert samples(proxy_metrics(gone, node_of)) == {("matchday_proxy_up", frozenset()): 0}


def test_frontends_and_backends_of_no_service_are_left_to_haproxys_own_exporter() -> None:
    text = proxy_metrics(lambda: STAT.replace("fan_live_http", "stats"), node_of)
    assert samples(text) == {("matchday_proxy_up", frozenset()): 1}


def test_a_nodes_name_cannot_leave_its_label() -> None:
    text = proxy_metrics(lambda: STAT, lambda *_: 'n"} 1\nevil{a="\\')
    assert {dict(labels).get("node") for (name, labels) in samples(text) if name == "matchday_pod_in_flight"} == {
        'n"} 1\nevil{a="\\'
    }


def test_every_metric_stands_in_the_documentation() -> None:
    text = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()
    names = {name for name, _ in samples(proxy_metrics(lambda: STAT, node_of))}
    assert {name for name in names if f"`{name}`" not in text} == set()

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from balancer.errors import HAProxyUnavailableError
from balancer.haproxy.stats import Stat, parse_stat
from balancer.kube.metrics import ControllerMetrics, ProxyMetrics, reason_class
from balancer.kube.reference import ObjectRef
from balancer.policy.config import Backend, BackendSettings, ProxyConfig
from balancer.policy.plan import Reload, plan

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


def scraped(stats: str = STAT) -> CollectorRegistry:
    def rows() -> Sequence[Stat]:
        if not stats:
            raise HAProxyUnavailableError("gone")
        return parse_stat(stats)

    registry = CollectorRegistry()
    registry.register(ProxyMetrics(rows, lambda namespace, pod: {("fan", "pod-a"): "node-1"}.get((namespace, pod), "")))
    return registry


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
    assert scraped().get_sample_value(metric, labels) == value


def test_a_dead_proxy_is_a_zero_and_no_failed_scrape() -> None:
    registry = scraped("")
    assert registry.get_sample_value("matchday_proxy_up") == 0
    assert b"matchday_in_flight" not in generate_latest(registry)


def test_registering_does_not_ask_haproxy() -> None:
    def never() -> Sequence[Stat]:
        raise AssertionError

    CollectorRegistry().register(ProxyMetrics(never, lambda *_: ""))


def test_runtime_changes_and_reloads_have_their_own_latency() -> None:
    metrics = ControllerMetrics()
    metrics.live(0.004, reloaded=False)
    metrics.live(0.3, reloaded=True)
    value = metrics.registry.get_sample_value
    assert value("matchday_event_to_live_seconds_bucket", {"how": "runtime", "le": "0.005"}) == 1
    assert value("matchday_event_to_live_seconds_bucket", {"how": "reload", "le": "0.2"}) == 0
    assert value("matchday_event_to_live_seconds_sum", {"how": "reload"}) == pytest.approx(0.3)


def test_a_reload_counts_once_for_each_class_of_reason() -> None:
    metrics = ControllerMetrics()
    metrics.reloaded(["backend a_b_c is new", "backend a_b_d is new", "the timeouts of the whole proxy changed"])
    assert metrics.registry.get_sample_value("matchday_reloads_total", {"reason": "backend_new"}) == 1
    assert metrics.registry.get_sample_value("matchday_reloads_total", {"reason": "timeouts"}) == 1


def test_reasons_of_real_plans_have_a_class() -> None:
    one = ProxyConfig("0.0.0.0", 8080, backends=(Backend("a_b_c", BackendSettings()),))
    for other in (
        replace(one, bind_port=8081),
        replace(one, default_backend="a_b_c"),
        replace(one, backends=()),
        replace(one, backends=(*one.backends, Backend("a_b_d", BackendSettings()))),
        replace(one, timeouts=replace(one.timeouts, client_s=77)),
    ):
        found = plan(one, other)
        assert isinstance(found, Reload)
        assert "other" not in {reason_class(reason) for reason in found.reasons}
    assert reason_class("the moon is full") == "other"


def test_commands_are_counted_by_whether_haproxy_obeyed() -> None:
    metrics = ControllerMetrics()
    metrics.commanded("AddServer", obeyed=True, times=3)
    metrics.commanded("AddServer", obeyed=False)
    value = metrics.registry.get_sample_value
    assert value("matchday_runtime_commands_total", {"command": "AddServer", "result": "ok"}) == 3
    assert value("matchday_runtime_commands_total", {"command": "AddServer", "result": "refused"}) == 1


def test_a_mended_annotation_is_no_longer_shown_but_stays_counted() -> None:
    metrics = ControllerMetrics()
    live = ObjectRef("networking.k8s.io/v1", "Ingress", "fan", "live", "u1")
    labels = {"namespace": "fan", "kind": "Ingress", "name": "live", "field": "haproxy.org/pod-maxconn"}
    metrics.stand_refused([(live, "haproxy.org/pod-maxconn"), (live, "haproxy.org/check")])
    metrics.stand_refused([(live, "haproxy.org/pod-maxconn")])
    assert metrics.registry.get_sample_value("matchday_refused_annotations", labels) == 1
    metrics.stand_refused([])
    assert metrics.registry.get_sample_value("matchday_refused_annotations", labels) is None
    assert metrics.registry.get_sample_value("matchday_refusals_total") == 2

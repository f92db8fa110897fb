from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from balancer.kube.metrics import ControllerMetrics, reason_class
from balancer.kube.reference import ObjectRef
from balancer.policy.config import Backend, BackendSettings, ProxyConfig
from balancer.policy.plan import Reload, plan


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


def test_every_metric_stands_in_the_documentation() -> None:
    text = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()
    names = {family.name for family in ControllerMetrics().registry.collect()}
    assert {name for name in names if f"`{name}`" not in text and f"`{name}_total`" not in text} == set()


def test_no_counter_has_a_second_series_for_its_birth() -> None:
    metrics = ControllerMetrics()
    metrics.commanded("AddServer", obeyed=True)
    names = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    assert {name for name in names if name.endswith("_created")} == set()


def test_a_place_without_end_is_cut() -> None:
    metrics = ControllerMetrics()
    live = ObjectRef("networking.k8s.io/v1", "Ingress", "fan", "live", "u1")
    metrics.stand_refused([(live, "x" * 70_000)])
    labels = {"namespace": "fan", "kind": "Ingress", "name": "live", "field": "x" * 200}
    assert metrics.registry.get_sample_value("matchday_refused_annotations", labels) == 1

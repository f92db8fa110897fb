from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.kube.api import ApiError
from balancer.kube.cluster import Refusal
from balancer.kube.events import Recorder, event_name, note, place
from balancer.kube.reference import ObjectRef
from balancer.policy.objects import Problem
from tests.balancer.kube.objects import Json, Objects

LIVE = ObjectRef("networking.k8s.io/v1", "Ingress", "fan", "live", "u1")
ANNOTATION = ("metadata", "annotations", "haproxy.org/pod-maxconn")
NO_NUMBER = Refusal(LIVE, Problem(0, ANNOTATION, "many", "a whole number from 1 to 1000000"))
EVENTS = "/apis/events.k8s.io/v1/namespaces/fan/events"


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def recorder(objects: Objects, clock: Clock | None = None, **limits: float) -> Recorder:
    utc = datetime(2026, 6, 11, 16, tzinfo=UTC)
    return Recorder(objects, "pod-1", utc_now=lambda: utc, clock=clock or Clock(), **limits)  # type: ignore[arg-type]


def numbered(count: int) -> list[Refusal]:
    return [replace(NO_NUMBER, problem=replace(NO_NUMBER.problem, value=str(i))) for i in range(count)]


def only_event(objects: Objects) -> Json:
    (event,) = objects.objects.values()
    return event


def test_an_event_names_object_place_value_and_what_is_allowed() -> None:
    objects = Objects()
    events = recorder(objects)
    events.stand([NO_NUMBER])
    assert events.write() == 1
    event = only_event(objects)
    assert event["note"] == "haproxy.org/pod-maxconn 'many': a whole number from 1 to 1000000"
    assert event["regarding"] == {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "namespace": "fan",
        "name": "live",
        "uid": "u1",
    }
    assert (event["type"], event["reason"], event["action"]) == ("Warning", "Refused", "Configure")
    assert event["eventTime"] == "2026-06-11T16:00:00.000000Z"
    assert (event["reportingController"], event["reportingInstance"]) == ("matchday/ingress", "pod-1")


def test_what_stands_is_told_once() -> None:
    objects = Objects()
    events = recorder(objects)
    for _ in range(5):
        events.stand([NO_NUMBER, NO_NUMBER])
        events.write()
    assert objects.writes() == [("POST", EVENTS)]


def test_what_comes_back_after_it_was_mended_is_added_to_its_event() -> None:
    objects = Objects()
    events = recorder(objects)
    for standing in ([NO_NUMBER], [], [NO_NUMBER]):
        events.stand(standing)
        events.write()
    assert only_event(objects)["series"]["count"] == 2


def test_a_new_leader_adds_to_the_old_ones_event() -> None:
    objects = Objects()
    for _ in range(2):
        events = recorder(objects)
        events.stand([NO_NUMBER])
        assert events.write() == 1
        assert events.write() == 0
    assert only_event(objects)["series"]["count"] == 2


def test_a_problem_of_another_object_of_that_name_is_another_event() -> None:
    objects = Objects()
    events = recorder(objects)
    events.stand([NO_NUMBER, replace(NO_NUMBER, ref=replace(LIVE, uid="u2"))])
    assert events.write() == 2


def test_what_stands_for_long_is_refreshed_before_the_api_server_forgets_it() -> None:
    objects, clock = Objects(), Clock()
    events = recorder(objects, clock, refresh_s=1800)
    events.stand([NO_NUMBER])
    events.write()
    for count in (2, 3):
        clock.now_s += 1800
        events.write()
        assert only_event(objects)["series"]["count"] == count
    objects.objects.clear()
    clock.now_s += 1800
    events.write()
    assert "series" not in only_event(objects)


def test_an_outage_delays_events_and_loses_none() -> None:
    objects = Objects()
    objects.up = False
    events = recorder(objects)
    events.stand(numbered(3))
    assert events.write() == 0
    assert events.waiting == 3
    assert len(objects.requests) == 1
    objects.up = True
    assert events.write() == 3
    assert len(objects.objects) == 3


@pytest.mark.parametrize(("status", "waiting"), [(429, 1), (503, 1), (403, 0), (404, 0), (422, 0)])
def test_only_refusals_that_may_pass_are_tried_again(status: int, waiting: int) -> None:
    objects = Objects()
    objects.refuse["POST"] = ApiError(status, "no")
    events = recorder(objects)
    events.stand([NO_NUMBER])
    events.write()
    assert events.waiting == waiting


def test_one_object_cannot_have_endless_events() -> None:
    objects = Objects()
    events = recorder(objects, per_object=20)
    events.stand(numbered(500))
    assert events.write() == 20
    assert events.write() == 0


def test_a_burst_is_limited_and_the_rest_follows() -> None:
    objects, clock = Objects(), Clock()
    events = recorder(objects, clock, per_object=1000, burst=10, per_s=5)
    events.stand(numbered(14))
    assert events.write() == 10
    assert events.write() == 0
    clock.now_s += 0.5
    assert events.write() == 2
    clock.now_s += 60
    assert events.write() == 2


def test_an_object_without_namespace_has_its_events_in_default() -> None:
    objects = Objects()
    events = recorder(objects)
    events.stand([replace(NO_NUMBER, ref=ObjectRef("networking.k8s.io/v1", "IngressClass", "", "matchday", "u9"))])
    events.write()
    event = only_event(objects)
    assert event["metadata"]["namespace"] == "default"
    assert "namespace" not in event["regarding"]


def test_a_place_that_is_no_annotation_is_a_path() -> None:
    refusal = replace(NO_NUMBER, problem=Problem(0, ("spec", "rules", 0, "host"), None, "a host is needed"))
    assert place(refusal.problem) == "spec.rules[0].host"
    assert note(refusal) == "spec.rules[0].host: a host is needed"


def test_nothing_of_a_secret_is_shown() -> None:
    ref = ObjectRef("v1", "Secret", "fan", "cert", "u3")
    refusal = Refusal(ref, Problem(0, ("data", "tls.crt"), "c2VjcmV0", "a PEM certificate"))
    assert note(refusal) == "data.tls.crt: a PEM certificate"
    key = replace(NO_NUMBER, problem=Problem(0, ANNOTATION, "-----BEGIN PRIVATE KEY-----\nabc", "a name"))
    assert "abc" not in note(key)


def test_half_a_character_of_broken_json_is_shown_escaped() -> None:
    broken = replace(NO_NUMBER, problem=Problem(0, ANNOTATION, "a\ud800", "a number"))
    assert note(broken) == r"haproxy.org/pod-maxconn 'a\ud800': a number"
    assert event_name(broken)


def test_control_and_direction_characters_are_shown_not_obeyed() -> None:
    refusal = replace(NO_NUMBER, problem=Problem(0, ANNOTATION, "a\r\nb\x00\u202ec", "a number"))
    assert note(refusal) == r"haproxy.org/pod-maxconn 'a\r\nb\x00\u202ec': a number"


@given(st.text(max_size=5000), st.text(max_size=5000))
def test_a_note_is_one_line_that_kubernetes_takes(value: str, allowed: str) -> None:
    said = note(replace(NO_NUMBER, problem=Problem(0, ANNOTATION, value, allowed)))
    assert len(said.encode()) <= 1024
    assert said.isprintable()


@given(st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", fullmatch=True))
def test_an_events_name_is_one_that_kubernetes_takes(name: str) -> None:
    found = event_name(replace(NO_NUMBER, ref=replace(LIVE, name=name)))
    assert len(found) <= 253
    assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*[a-z0-9]", found)
    assert found.rpartition(".")[0][-1] not in ".-"

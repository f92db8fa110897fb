"""Broken and hostile objects: none stops the others from being served, each leaves a Warning Event."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster import hostile, inside, objects
from tests.cluster.apps import App, serving
from tests.cluster.asking import ask
from tests.cluster.kindly import Cluster, until
from tests.cluster.load import Load, load

NAMES = [item.name for item in hostile.all_of_them("x", "y")]
EVENTS_S = 60.0


@dataclass(frozen=True)
class Stage:
    """What was given to the cluster while a healthy application was under load."""

    app: App
    items: dict[str, hostile.Hostile]
    sent: Load


@pytest.fixture(scope="module")
def stage(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory: Path = tmp_path_factory.mktemp("hostile")
    with serving(cluster, 1) as first, serving(cluster, 1) as app:
        claimed = hostile.claimed_twice(first.namespace)
        cluster.apply(objects.ingress("claimed", {claimed: [objects.path("app")]}), namespace=first.namespace)
        until(lambda: ask(cluster.port, claimed).status == 200, "the host has an owner")
        items = hostile.all_of_them(app.namespace, first.namespace)
        with load(cluster.port, app.host, directory, rps=100.0) as sent:
            for item in items:
                cluster.apply(*item.made, namespace=app.namespace)
            last = f"last.{app.namespace}.test"
            cluster.apply(objects.ingress("last", {last: [objects.path("app")]}), namespace=app.namespace)
            until(lambda: ask(cluster.port, last).status == 200, "a good Ingress that came last is served")
        assert first.pods()[0]["metadata"]["name"] == ask(cluster.port, claimed).pod
        yield Stage(app, {item.name: item for item in items}, sent)


def test_there_are_more_than_twenty() -> None:
    assert len(set(NAMES)) > 20


def test_none_of_them_costs_another_a_request(stage: Stage) -> None:
    print(f"\n{len(stage.items)} hostile objects applied: {stage.sent.summary()}")
    assert stage.sent.failed == []


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_object_leaves_an_event_and_loses_only_what_is_wrong(stage: Stage, name: str) -> None:
    item = stage.items[name]
    print(inside.warned(stage.app.cluster, stage.app.namespace, item.told, deadline_s=EVENTS_S)[:300])
    if item.served:
        answer = ask(stage.app.cluster.port, item.served)
        assert answer.status == item.status
        assert "x-evil" not in answer.headers


def test_every_refusal_is_counted(stage: Stage) -> None:
    refused = {
        sample.labels["name"]
        for pod in inside.names(stage.app.cluster)
        for sample in inside.scrape(stage.app.cluster, pod)
        if sample.name == "matchday_refused_annotations" and sample.labels["namespace"] == stage.app.namespace
    }
    assert refused >= set(hostile.ANNOTATIONS)

import json
import socket

import pytest
import yaml

from matchday.display import Display
from matchday.errors import EnvironmentFailedError
from matchday.targets.kind import cluster
from scenarios.errors import ScenarioError


def test_only_loopback_leads_into_the_cluster() -> None:
    made = yaml.safe_load(cluster.config(8123))
    assert made["networking"]["apiServerAddress"] == "127.0.0.1"
    (mapping,) = made["nodes"][0]["extraPortMappings"]
    assert mapping == {"listenAddress": "127.0.0.1", "hostPort": 8123, "containerPort": 30080}


def test_a_cluster_is_marked_from_its_first_moment() -> None:
    assert cluster.MADE_LABEL in yaml.safe_load(cluster.config(8080))["nodes"][0]["labels"]


@pytest.mark.parametrize(("labels", "ours"), [({cluster.MADE_LABEL: "cluster"}, True), ({}, False)])
def test_the_mark_tells_our_clusters(labels: dict[str, str], ours: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = json.dumps({"items": [{"metadata": {"labels": labels}}]})
    monkeypatch.setattr(cluster, "ask", lambda *_words: nodes)
    assert cluster.made_by_us("a") is ours


def test_somebody_elses_cluster_is_refused_with_the_way_to_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "made_by_us", lambda _name: False)
    with pytest.raises(ScenarioError, match=r"^--name: a: .*--context kind-a$"):
        cluster.refuse_foreign("a")


def test_a_cluster_that_does_not_answer_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_words: str) -> str:
        raise EnvironmentFailedError("connection refused")

    monkeypatch.setattr(cluster, "ask", fail)
    with pytest.raises(EnvironmentFailedError, match=r"kind delete cluster --name a"):
        cluster.made_by_us("a")


def test_a_port_that_is_taken_is_refused_before_anything_is_made() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ScenarioError, match=f"^--port: {port}: a port of 127.0.0.1 that nobody uses$"):
            cluster.create(Display(as_json=False), "never-made", port, None)

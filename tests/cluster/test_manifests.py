"""The Helm chart is the kustomize base, and what both say. Needs helm and kubectl, and no cluster."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cluster.charts import DEPLOY, containers, kustomized, rendered
from tests.cluster.kindly import CommandError


def test_chart_is_the_base_but_for_the_namespace_which_helm_makes_itself() -> None:
    base = kustomized(str(DEPLOY / "base"))
    del base["Namespace", "", "matchday"]
    assert rendered() == base


def test_chart_with_node_ports_is_the_overlay_for_kind() -> None:
    overlay = kustomized(str(DEPLOY / "kind"))
    del overlay["Namespace", "", "matchday"]
    ports = "service.type=NodePort,service.nodePorts.http=30080,service.nodePorts.https=30443"
    assert rendered("--set", ports) == overlay


def test_another_release_shares_no_object_with_the_first() -> None:
    other = rendered(
        *("--set", "metricsApi.enabled=false,ingressClass.name=other"), release="other", namespace="elsewhere"
    )
    assert not other.keys() & rendered().keys()
    args = containers(other)["controller"]["args"]
    assert args[3:] == ["--ingress-class", "other", "--service", "other", "--metrics-api-port=0"]


def test_without_the_metrics_api_nothing_may_touch_it() -> None:
    assert "external.metrics" in json.dumps(list(rendered().values()))
    assert "external.metrics" not in json.dumps(list(rendered("--set", "metricsApi.enabled=false").values()))


def test_numbers_of_config_reach_the_config_map_as_the_strings_they_must_be() -> None:
    data = rendered("--set", "config.pod-maxconn=4,config.rate-limit-size=1000000,config.check=false")
    assert data["ConfigMap", "matchday", "matchday"]["data"] == {
        "pod-maxconn": "4",
        "rate-limit-size": "1000000",
        "check": "false",
    }


def test_only_an_administrator_who_says_so_allows_snippets() -> None:
    assert "--allow-snippets" not in containers(rendered())["controller"]["args"]
    assert "--allow-snippets" in containers(rendered("--set", "allowSnippets=true"))["controller"]["args"]


@pytest.mark.parametrize("wrong", ["replicas=0", "service.type=Nodeport", "drain=5", "replica=3", "logLevel=loud"])
def test_wrong_value_is_refused_before_anything_is_installed(wrong: str) -> None:
    with pytest.raises(CommandError) as refused:
        rendered("--set", wrong)
    assert wrong.partition("=")[0].replace(".", "/") in str(refused.value)


def test_component_for_the_prometheus_operator_scrapes_both_containers_once(tmp_path: Path) -> None:
    for each in ("base", "podmonitor"):
        shutil.copytree(DEPLOY / each, tmp_path / each)
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text("resources: [../base]\ncomponents: [../podmonitor]\n")
    objects = kustomized(str(overlay))
    ports = {port["name"] for each in containers(objects).values() for port in each["ports"]}
    monitor = objects["PodMonitor", "matchday", "matchday-balancer"]
    scraped = {end["port"] for end in monitor["spec"]["podMetricsEndpoints"]}
    assert scraped == {"status", "exporter"}
    assert scraped <= ports
    template = objects["Deployment", "matchday", "matchday-balancer"]["spec"]["template"]
    assert "annotations" not in template["metadata"]
    assert objects == rendered("--set", "podMonitor.enabled=true") | {
        ("Namespace", "", "matchday"): objects["Namespace", "", "matchday"]
    }


def test_service_account_token_is_the_controllers_alone() -> None:
    def mounted(name: str) -> set[str]:
        return {each["name"] for each in containers(kustomized(str(DEPLOY / "base")))[name]["volumeMounts"]}

    assert mounted("controller") == {"run", "token"}
    assert mounted("proxy") == {"run"}

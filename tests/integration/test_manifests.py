"""What balancer/deploy says: the Helm chart is the kustomize base, and the dashboard asks for metrics that there are."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from balancer.haproxy.binary import find_binary
from balancer.kube.metrics import ControllerMetrics
from balancer.kube.proxy_metrics import proxy_metrics

DEPLOY = Path(__file__).parents[2] / "balancer" / "deploy"
# a helm built by `go install` does not know which Kubernetes it was made for
KUBE_VERSION = "1.34"
STAT_COLUMNS = (
    "pxname,svname,qcur,scur,stot,bin,bout,econ,eresp,wretr,wredis,status,weight,type,"
    "hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx"
)
Objects = dict[tuple[str, str, str], dict[str, Any]]


def program(name: str) -> str:
    binaries = Path(os.environ.get("KIND_CACHE", Path.home() / ".cache" / "matchday-kind")) / "bin"
    found = shutil.which(name, path=f"{binaries}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{name} is not installed" + ("; balancer/deploy/get-helm builds it" if name == "helm" else ""))
    return found


def run(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout


def parsed(text: str) -> Objects:
    objects = [each for each in yaml.safe_load_all(text) if each]
    return {(o["kind"], o["metadata"].get("namespace", ""), o["metadata"]["name"]): o for o in objects}


def kustomized(folder: str) -> Objects:
    return parsed(run(program("kubectl"), "kustomize", str(DEPLOY / folder)))


def rendered(*words: str, release: str = "matchday-balancer", namespace: str = "matchday") -> Objects:
    version = ("--kube-version", KUBE_VERSION)
    return parsed(run(program("helm"), "template", release, str(DEPLOY / "chart"), "-n", namespace, *version, *words))


def containers(objects: Objects) -> dict[str, Any]:
    (deployment,) = (o for (kind, _, _), o in objects.items() if kind == "Deployment")
    return {each["name"]: each for each in deployment["spec"]["template"]["spec"]["containers"]}


def test_chart_is_the_base_but_for_the_namespace_which_helm_makes_itself() -> None:
    base = kustomized("base")
    del base["Namespace", "", "matchday"]
    assert rendered() == base


def test_chart_with_node_ports_is_the_overlay_for_kind() -> None:
    overlay = kustomized("kind")
    del overlay["Namespace", "", "matchday"]
    ports = "service.type=NodePort,service.nodePorts.http=30080,service.nodePorts.https=30443"
    assert rendered("--set", ports) == overlay


def test_another_release_shares_no_object_with_the_first() -> None:
    other = rendered(
        *("--set", "metricsApi.enabled=false,ingressClass.name=other"), release="other", namespace="elsewhere"
    )
    assert not other.keys() & rendered().keys()
    assert containers(other)["controller"]["args"][-4:] == ["--ingress-class", "other", "--service", "other"]


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
    with pytest.raises(subprocess.CalledProcessError) as refused:
        rendered("--set", wrong)
    assert wrong.partition("=")[0].replace(".", "/") in refused.value.stderr


def test_component_for_the_prometheus_operator_scrapes_both_containers_once(tmp_path: Path) -> None:
    for each in ("base", "podmonitor"):
        shutil.copytree(DEPLOY / each, tmp_path / each)
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text("resources: [../base]\ncomponents: [../podmonitor]\n")
    objects = parsed(run(program("kubectl"), "kustomize", str(overlay)))
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
        return {each["name"] for each in containers(kustomized("base"))[name]["volumeMounts"]}

    assert mounted("controller") == {"run", "token"}
    assert mounted("proxy") == {"run"}


def asked() -> set[str]:
    """The metrics in the dashboard's expressions."""
    text = (DEPLOY / "grafana" / "dashboard.json").read_text()
    panels = [panel for panel in json.loads(text)["panels"] if panel["type"] != "row"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    assert all(expressions)
    return {name for each in expressions for name in re.findall(r"\b(?:matchday|haproxy)_\w+", each)}


def test_dashboard_asks_for_metrics_the_controller_has() -> None:
    own = generate_latest(ControllerMetrics().registry).decode()
    text = own + proxy_metrics(lambda: f"# {STAT_COLUMNS},\n", lambda _namespace, _pod: "")
    there = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    names = {name.removesuffix("_bucket") for name in asked() if name.startswith("matchday_")}
    assert names
    assert names - there == set()


def test_dashboard_asks_for_metrics_haproxy_has() -> None:
    names = {name for name in asked() if name.startswith("haproxy_")}
    assert names
    binary = find_binary().path.read_bytes()
    assert {name for name in names if name.split("_", 2)[2].encode() + b"\0" not in binary} == set()


def test_dashboard_lays_no_panel_over_another() -> None:
    dashboard = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
    cells = [
        (x, y)
        for panel in dashboard["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24

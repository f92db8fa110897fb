"""The Grafana dashboard asks for metrics that there are."""

import json
import re
from pathlib import Path

from prometheus_client import generate_latest

from balancer.haproxy.binary import find_binary
from balancer.kube.metrics import ControllerMetrics
from balancer.kube.proxy_metrics import proxy_metrics

DASHBOARD = Path(__file__).parents[2] / "balancer" / "deploy" / "grafana" / "dashboard.json"
STAT_COLUMNS = (
    "pxname,svname,qcur,scur,stot,bin,bout,econ,eresp,wretr,wredis,status,weight,type,"
    "hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx"
)


def asked() -> set[str]:
    """The metrics in the dashboard's expressions."""
    text = DASHBOARD.read_text()
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
    dashboard = json.loads(DASHBOARD.read_text())
    cells = [
        (x, y)
        for panel in dashboard["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24

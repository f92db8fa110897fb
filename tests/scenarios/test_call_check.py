"""Calls between services, as a graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.scenarios.conftest import Copy

BEHAVIOUR = "/live: {time: {lognormal: {mean: 60ms, cv: 0.5}}, cpu: 2ms, bytes: 12KiB}"
SERVICE = """---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: web, ports: [{{name: http, containerPort: 8080}}]}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80}}]}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: {name}}}
spec:
  rules:
    - host: {name}.internal
      http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: {name}, port: {{number: 80}}}}}}}}]}}
"""


def with_calls(quick: Copy, calls: Mapping[str, list[str]], host: str = "tv.example") -> None:
    """Paths and what each calls; `/live` is the one that requests ask for."""
    lines = []
    for path, targets in calls.items():
        made = ", ".join(f'{{host: {host}, path: "{target}"}}' for target in targets)
        lines.append(f"{path}: {{time: {{constant: 5ms}}, calls: [{made}]}}")
    quick.edit("scenario.yaml", BEHAVIOUR, "\n    ".join(lines))


def rest(quick: Copy) -> list[str]:
    """Each mistake without its file and line."""
    return [line.split(": ", 1)[1] for line in quick.mistakes()]


def test_what_is_called_is_used(quick: Copy) -> None:
    with_calls(quick, {"/live": ["/a", "/b"], "/a": ["/b"], "/b": []})
    paths = quick.load().scenario.workload.paths
    assert [call.path for call in paths["/live"].calls] == ["/a", "/b"]


def test_what_only_unused_paths_call_is_unused(quick: Copy) -> None:
    with_calls(quick, {"/live": [], "/a": ["/b"], "/b": []})
    text = "a path that requests or calls reach: /live"
    assert rest(quick) == [f'workload.paths["/a"]: /a: {text}', f'workload.paths["/b"]: /b: {text}']


def test_a_call_has_a_behaviour(quick: Copy) -> None:
    with_calls(quick, {"/live": ["/stoer"], "/store": []})
    text = "/stoer: a path that workload.paths describes; did you mean `/store`?"
    assert rest(quick) == [f'workload.paths["/live"].calls[0].path: {text}']


def test_a_call_goes_where_an_ingress_leads(quick: Copy) -> None:
    with_calls(quick, {"/live": ["/a"], "/a": []}, host="nowhere.internal")
    text = "nowhere.internal/a: what an Ingress serves: tv.example/"
    assert rest(quick) == [f'workload.paths["/live"].calls[0].host: {text}']


def test_a_call_has_no_key(quick: Copy) -> None:
    with_calls(quick, {"/live": ["/u/{key}"]})
    text = "/u/{key}: a path without {key}, since calls have no keys"
    assert rest(quick) == [f'workload.paths["/live"].calls[0].path: {text}']


@pytest.mark.parametrize(
    ("calls", "where", "circle"),
    [
        ({"/live": ["/live"]}, '"/live"].calls[0]', "/live -> /live"),
        ({"/live": ["/b", "/a"], "/a": ["/live"], "/b": []}, '"/a"].calls[0]', "/live -> /a -> /live"),
        (
            {"/live": ["/a"], "/a": ["/b"], "/b": ["/c"], "/c": ["/d", "/a"], "/d": []},
            '"/c"].calls[1]',
            "/a -> /b -> /c -> /a",
        ),
    ],
)
def test_calls_that_lead_back_are_named_with_their_circle(
    quick: Copy, calls: dict[str, list[str]], where: str, circle: str
) -> None:
    with_calls(quick, calls)
    (line,) = rest(quick)
    assert (
        line
        == f"workload.paths[{where}.path: {circle.rsplit(' -> ', maxsplit=1)[-1]}: a path that does not lead back: {circle}"
    )


def test_two_ways_to_one_path_are_no_circle(quick: Copy) -> None:
    with_calls(quick, {"/live": ["/a", "/b"], "/a": ["/c"], "/b": ["/c"], "/c": []})
    assert quick.load().warnings == ()


def test_a_chain_may_be_as_long_as_anyone_likes_to_write(quick: Copy) -> None:
    chain = {f"/{n}": [f"/{n + 1}"] for n in range(1, 900)}
    with_calls(quick, {"/live": ["/1"], **chain, "/900": []})
    assert len(quick.load().scenario.workload.paths) == 901


def test_a_fan_out_of_fan_outs_is_bounded(quick: Copy) -> None:
    with_calls(quick, {"/live": ["/a"] * 30, "/a": ["/b"] * 30, "/b": ["/c"] * 2, "/c": []})
    assert rest(quick) == ['workload.paths["/live"].calls: 2,730 calls for one request: at most 1,000']


def test_at_most_thirty_deployments_take_part(quick: Copy) -> None:
    names = [f"s{n}" for n in range(30)]
    with (quick.directory / "app.yaml").open("a") as file:
        file.writelines(SERVICE.format(name=name) for name in names)
    made = ", ".join(f"{{host: {name}.internal, path: /a}}" for name in names)
    quick.edit("scenario.yaml", "bytes: 12KiB}", f"calls: [{made}]}}\n    /a: {{time: {{constant: 5ms}}}}")
    assert rest(quick) == ["workload.paths: 31 Deployments that call each other: at most 30"]
    quick.edit("scenario.yaml", ", {host: s29.internal, path: /a}", "")
    assert quick.load().warnings == ()

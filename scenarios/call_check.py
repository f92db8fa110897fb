"""Calls between services: where they go, that they come to an end, and that they stay within bounds."""

from __future__ import annotations

from collections.abc import Mapping

from scenarios.mistakes import Mistakes, near_miss
from scenarios.schema import PathBehaviour, Scenario
from scenarios.served import Served
from scenarios.yaml_marks import FieldPath

_MOST_DEPLOYMENTS = 30
# A short chain of fan-outs multiplies to more calls than anyone means.
_MOST_CALLS = 1_000

Paths = Mapping[str, PathBehaviour]


def check_calls(scenario: Scenario, served: Served, mistakes: Mistakes) -> None:
    """Each call by itself, then the graph that they make between the paths of the workload."""
    paths = scenario.workload.paths
    if not any(behaviour.calls for behaviour in paths.values()):
        return
    for path, behaviour in paths.items():
        for index, call in enumerate(behaviour.calls):
            at: FieldPath = ("workload", "paths", path, "calls", index)
            if served.deployment(call.host, call.path) is None:
                mistakes.scenario((*at, "host"), f"{call.host}{call.path}", served.allowed())
            if "{key}" in call.path:
                mistakes.scenario((*at, "path"), call.path, "a path without {key}, since calls have no keys")
            elif call.path not in paths:
                allowed = f"a path that workload.paths describes{near_miss(call.path, paths)}"
                mistakes.scenario((*at, "path"), call.path, allowed)
    _check_fan_out(paths, _callees_first(paths, mistakes), mistakes)
    _check_size(scenario, served, mistakes)


def reached_paths(scenario: Scenario) -> list[str]:
    """The paths of the request mix and all that they call, directly or not."""
    found = list(dict.fromkeys(request.path for request in scenario.traffic.requests))
    for path in found:  # grows on the way
        behaviour = scenario.workload.paths.get(path)
        found += dict.fromkeys(call.path for call in behaviour.calls if call.path not in found) if behaviour else ()
    return found


def _callees_first(paths: Paths, mistakes: Mistakes) -> list[str]:
    """The paths, each after all that it calls; nothing when one leads back to itself, and each such call is named."""
    done: dict[str, None] = {}
    circles = False
    for root in paths:
        trail = [] if root in done else [root]
        calls = [iter(enumerate(paths[path].calls)) for path in trail]
        while trail:
            for index, call in calls[-1]:
                if call.path in trail:
                    circles = True
                    circle = " -> ".join([*trail[trail.index(call.path) :], call.path])
                    at: FieldPath = ("workload", "paths", trail[-1], "calls", index, "path")
                    mistakes.scenario(at, call.path, f"a path that does not lead back: {circle}")
                elif call.path in paths and call.path not in done:
                    trail.append(call.path)
                    calls.append(iter(enumerate(paths[call.path].calls)))
                    break
            else:
                done[trail.pop()] = None
                calls.pop()
    return [] if circles else list(done)


def _check_fan_out(paths: Paths, callees_first: list[str], mistakes: Mistakes) -> None:
    """How many calls one request makes in all, those that its calls make included."""
    calls: dict[str, int] = {}
    for path in callees_first:
        calls[path] = sum(1 + calls[call.path] for call in paths[path].calls if call.path in paths)
        if calls[path] > _MOST_CALLS:
            at: FieldPath = ("workload", "paths", path, "calls")
            mistakes.scenario(at, f"{calls[path]:,} calls for one request", f"at most {_MOST_CALLS:,}")
            return  # whoever calls this path has too many as well


def _check_size(scenario: Scenario, served: Served, mistakes: Mistakes) -> None:
    """How many Deployments take part."""
    paths = scenario.workload.paths
    asked = [(request.host, request.path) for request in scenario.traffic.requests]
    asked += [(call.host, call.path) for path in reached_paths(scenario) if path in paths for call in paths[path].calls]
    deployments = {served.deployment(host, path) for host, path in asked} - {None}
    if len(deployments) > _MOST_DEPLOYMENTS:
        at: FieldPath = ("workload", "paths")
        mistakes.scenario(at, f"{len(deployments)} Deployments that call each other", f"at most {_MOST_DEPLOYMENTS}")

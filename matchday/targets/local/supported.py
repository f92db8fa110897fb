"""What a scenario may say that only the model can do: the local target has one proxy, one machine and plain pods."""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.errors import ScenarioError
from scenarios.load import FILE, LoadedScenario
from scenarios.manifest_check import METRICS
from scenarios.mistakes import Mistakes
from scenarios.schema import KillDisturbance, Scenario, SlowDisturbance
from scenarios.yaml_marks import FieldPath, field_name, read_documents, shown

_ONLY_LOAD = "a load that the model knows: phases, trace or log; use matchday load to drive a locustfile's users"


def _instead(target: str) -> str:
    return f"not on the {target} target; use matchday predict"


def refuse_locustfile(loaded: LoadedScenario) -> None:
    """ScenarioError when the load comes from users that nothing can be predicted of."""
    users = loaded.scenario.traffic.locustfile
    if users is not None:
        (document,) = read_documents(loaded.directory / FILE)
        raise ScenarioError(document.error(("traffic", "locustfile"), users.file, _ONLY_LOAD))


def unsupported(scenario: Scenario) -> tuple[str, ...]:
    """A line `field: value: why` for each thing in scenario.yaml that the local target cannot do."""
    return tuple(
        f"{field_name(path)}: {shown(value)}: {_instead('local')}" for path, value in _found(scenario, "local")
    )


def refuse_unsupported(loaded: LoadedScenario, target: str = "local") -> None:
    """ScenarioError with file and line of all that a target cannot do.

    On Kubernetes HPAs may use any metric that the cluster has.
    """
    (document,) = read_documents(loaded.directory / FILE)
    manifests = [part for name in loaded.scenario.manifests for part in read_documents(loaded.directory / name)]
    mistakes = Mistakes(document, manifests)
    refuse_locustfile(loaded)
    for path, value in _found(loaded.scenario, target):
        mistakes.scenario(path, value, _instead(target))
    for hpa in loaded.manifests.autoscalers if target == "local" else ():
        for index, metric in enumerate(hpa.spec.metrics):
            if metric.kind != "Resource" and metric.name in METRICS[metric.kind]:
                mistakes.manifest(hpa.document, ("spec", "metrics", index), metric.name, _instead(target))
    mistakes.raise_if_any()


def _found(scenario: Scenario, target: str) -> Iterator[tuple[FieldPath, object]]:
    traffic, workload, cluster = scenario.traffic, scenario.workload, scenario.cluster
    if traffic.users is not None:
        yield ("traffic", "users"), f"{traffic.users.count} users"
    if target == "kube" and traffic.clients > 1:
        yield ("traffic", "clients"), traffic.clients  # a cluster sees one address, this machine's
    if traffic.tls is not None:
        yield ("traffic", "tls"), traffic.tls.server_name or traffic.tls.ca or "TLS"
    for path, behaviour in workload.paths.items():
        if behaviour.calls:
            yield ("workload", "paths", path, "calls"), ", ".join(call.host + call.path for call in behaviour.calls)
    if workload.cold is not None:
        yield ("workload", "cold"), f"{workload.cold.factor:g} times slower at first"
    if workload.cancels:
        yield ("workload", "cancels"), True
    if cluster.proxies > 1:
        yield ("cluster", "proxies"), cluster.proxies
    if cluster.nodes is not None:
        yield ("cluster", "nodes"), f"{cluster.nodes.count} nodes"
    for index, disturbance in enumerate(scenario.disturbances):
        if not isinstance(disturbance, KillDisturbance | SlowDisturbance):
            (key,) = type(disturbance).model_fields.keys() - {"at"}
            yield ("disturbances", index, key), key

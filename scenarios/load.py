"""Loads a scenario directory: scenario.yaml, the manifests it names, its trace. Mistakes are one line each."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from balancer.policy.desired import desired_config
from balancer.policy.manifests import KINDS, read_manifests
from balancer.policy.objects import Manifests
from scenarios.access_log import AccessLog, read_access_log
from scenarios.attachments import Attachments, read_attachments
from scenarios.call_check import check_calls
from scenarios.cluster_check import check_disturbances, check_nodes
from scenarios.crosscheck import check_requests, check_traffic, check_workload
from scenarios.errors import ScenarioError
from scenarios.files import beside
from scenarios.manifest_check import check_manifests, is_foreign, unused_metrics
from scenarios.message_check import check_messages, with_keys
from scenarios.mistakes import Mistakes
from scenarios.schema import Scenario
from scenarios.served import Served
from scenarios.trace import CountedTrace, Rows, read_trace
from scenarios.validation import validate
from scenarios.yaml_marks import Document, read_documents

FILE = "scenario.yaml"
_NEEDED = "at least a Deployment, a Service and an Ingress"


@dataclass(frozen=True)
class LoadedScenario:
    """A scenario that is whole and consistent.

    `sha256` covers every byte of scenario.yaml, manifests and trace; `trace` holds (label, requests in that
    interval), `trace_kinds` (m, k) those of each kind where they were counted apart, `log` each request of an access log;
    `warnings` name what was passed over, one line each: annotations refused, objects not read.
    """

    scenario: Scenario
    manifests: Manifests
    directory: Path
    sha256: str
    trace: tuple[tuple[str, float], ...] | None = None
    warnings: tuple[str, ...] = ()
    attachments: Attachments = field(default_factory=Attachments)
    log: AccessLog | None = None
    trace_kinds: NDArray[np.float64] | None = None


def load_scenario(path: Path) -> LoadedScenario:
    """Load a scenario directory or its scenario.yaml; ScenarioError with the mistakes found, a line each."""
    file = path if path.name == FILE and not path.is_dir() else path / FILE
    if path != file and path.is_file():
        raise ScenarioError(f"{path}:1: file: {path.name}: a scenario directory, or the {FILE} in it")
    document = _only_document(file)
    scenario = validate(document)
    mistakes = Mistakes(document)
    files = [file, *_manifest_files(scenario, file.parent, mistakes)]
    trace_file = _trace_file(scenario, file.parent, mistakes)
    log_file = _log_file(scenario, file.parent, mistakes)
    attached = read_attachments(scenario, file.parent, mistakes)
    mistakes.raise_if_any()
    check_messages(scenario, attached, mistakes)
    mistakes.raise_if_any()
    scenario = with_keys(scenario, attached)
    found = [entry for manifest in files[1:] for entry in read_documents(manifest)]
    trace = CountedTrace(())
    if trace_file is not None:
        files.append(trace_file)
        trace = read_trace(trace_file, [(r.path, r.weight) for r in scenario.traffic.requests])
    log: AccessLog | None = None
    if log_file is not None:
        files.append(log_file)
        log = read_access_log(log_file, scenario.traffic.requests)
    manifests, warnings = _checked(scenario, trace.rows or None, log, document, found)
    digest = _sha256([*files, *attached.files])
    told = (*left_out(log_file, log), *warnings)
    rows = trace.rows or None
    return LoadedScenario(scenario, manifests, file.parent, digest, rows, told, attached, log, trace.kinds)


def _only_document(file: Path) -> Document:
    documents = read_documents(file)
    if len(documents) != 1:
        what = "empty" if not documents else f"{len(documents)} documents"
        raise ScenarioError(f"{file}:1: file: {what}: one scenario")
    if not isinstance(documents[0].data, dict):
        raise ScenarioError(documents[0].error((), documents[0].data, "a mapping with name, manifests, traffic, ..."))
    return documents[0]


def _manifest_files(scenario: Scenario, directory: Path, mistakes: Mistakes) -> list[Path]:
    files: list[Path] = []
    for index, name in enumerate(scenario.manifests):
        file = beside(directory, name)
        if file is None:
            mistakes.scenario(("manifests", index), name, f"a file that exists in the directory of {FILE}")
        elif file in files:
            mistakes.scenario(("manifests", index), name, "each file once")
        else:
            files.append(file)
    return files


def _trace_file(scenario: Scenario, directory: Path, mistakes: Mistakes) -> Path | None:
    if scenario.traffic.trace is None:
        return None
    file = beside(directory, scenario.traffic.trace.file)
    if file is None:
        allowed = f"a CSV file that exists in the directory of {FILE}"
        mistakes.scenario(("traffic", "trace", "file"), scenario.traffic.trace.file, allowed)
    return file


def _log_file(scenario: Scenario, directory: Path, mistakes: Mistakes) -> Path | None:
    if scenario.traffic.log is None:
        return None
    file = beside(directory, scenario.traffic.log.file)
    if file is None:
        allowed = f"an access log that exists in the directory of {FILE}"
        mistakes.scenario(("traffic", "log", "file"), scenario.traffic.log.file, allowed)
    return file


def left_out(file: Path | None, log: AccessLog | None) -> tuple[str, ...]:
    """A warning when lines of a log ask for paths that the mix does not have."""
    if log is None or not log.left_out[0]:
        return ()
    count, example = log.left_out
    return (f"{file}: {count} of {count + len(log.time_s)} lines are left out: no request of the mix is {example}",)


def _checked(
    scenario: Scenario, trace: Rows | None, log: AccessLog | None, document: Document, found: Sequence[Document]
) -> tuple[Manifests, tuple[str, ...]]:
    """Manifests and warnings. What only follows from a mistake in the manifests is not looked for."""
    mistakes = Mistakes(document, found)
    check_traffic(scenario, trace, log, mistakes)
    check_workload(scenario, mistakes)
    manifests, problems = read_manifests([entry.data if isinstance(entry.data, Mapping) else {} for entry in found])
    for problem in problems:
        if not isinstance(found[problem.document].data, Mapping):
            allowed = "a mapping with apiVersion, kind, metadata, ..."
            mistakes.manifest(problem.document, (), found[problem.document].data, allowed)
        elif not is_foreign(problem):
            mistakes.manifest(problem.document, problem.path, problem.value, problem.allowed)
    mistakes.raise_if_any()
    if not (manifests.deployments and manifests.services and manifests.ingresses):
        kinds = [str(entry.data.get("kind")) for entry in found if isinstance(entry.data, Mapping)]
        mistakes.scenario(("manifests",), ", ".join(kinds) or "nothing in them", _NEEDED)
        mistakes.raise_if_any()
    check_manifests(manifests, mistakes)
    mistakes.raise_if_any()
    served = Served.by(manifests)
    check_requests(scenario, served, mistakes)
    check_calls(scenario, served, mistakes)
    check_nodes(scenario, manifests, mistakes)
    check_disturbances(scenario, manifests, mistakes)
    mistakes.raise_if_any()
    ignored = [
        found[problem.document].error(problem.path, problem.value, f"not read; what is: {', '.join(KINDS)}")
        for problem in problems
        if is_foreign(problem)
    ]
    refused = [
        *unused_metrics(manifests),
        *desired_config(manifests, {}, bind_address="127.0.0.1", bind_port=80).warnings,
    ]
    return manifests, (*ignored, *(found[w.document].error(w.path, w.value, w.allowed) for w in refused))


def _sha256(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()

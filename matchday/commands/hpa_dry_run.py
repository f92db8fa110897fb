"""`matchday hpa-dry-run`: what the autoscaler would do at each recorded sync, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from balancer.policy.autoscaler import read_autoscaler
from balancer.policy.hpa import Decision, HpaSpec, Memory, PodSample, Sample
from balancer.policy.hpa_decide import decide
from scenarios.errors import ScenarioError
from scenarios.files import read_text
from scenarios.yaml_marks import read_documents, shown


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class PodLine(_Line):
    """A pod in a sample; times on the clock of `now_s`, CPU in milli-cores, `ready` null without a Ready condition."""

    name: str
    phase: Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"] = "Running"
    deleting: bool = False
    ready: bool | None = True
    ready_since_s: float | None = None
    started_s: float | None = None
    cpu_request_milli: int | None = None
    cpu_usage_milli: int | None = None
    sample_at_s: float | None = None
    window_s: float = 30.0
    metrics: dict[str, int] = Field(default_factory=dict)


class SampleLine(_Line):
    """One sync. `spec_replicas` left out is what the sync before decided; `status_replicas` left out is the same."""

    now_s: float
    spec_replicas: int | None = Field(None, ge=0)
    status_replicas: int | None = Field(None, ge=0)
    pods: list[PodLine] = Field(default_factory=list)
    external: dict[str, int] = Field(default_factory=dict)
    object: dict[str, int] = Field(default_factory=dict)


def run(hpa: Path, samples: Path, *, as_json: bool) -> int:
    """Print an answer for each sample; ScenarioError at the first line that cannot be used."""
    spec = read_spec(hpa)
    for line, current, decision in replay(spec, samples):
        print(json.dumps(_answer(line.now_s, decision)) if as_json else _sentence(line.now_s, current, decision))
    return 0


def read_spec(path: Path) -> HpaSpec:
    """The one HorizontalPodAutoscaler of a manifest file; ScenarioError with its mistakes."""
    found = [
        d for d in read_documents(path) if isinstance(d.data, dict) and d.data.get("kind") == "HorizontalPodAutoscaler"
    ]
    if len(found) != 1:
        raise ScenarioError(f"{path}:1: file: {len(found)} HorizontalPodAutoscalers: exactly one")
    document = found[0]
    assert isinstance(document.data, dict)
    autoscaler, problems = read_autoscaler(document.data, 0)
    if problems or autoscaler is None:
        raise ScenarioError("\n".join(document.error(p.path, p.value, p.allowed) for p in problems))
    return autoscaler.spec


def replay(spec: HpaSpec, samples: Path) -> Iterator[tuple[SampleLine, int, Decision]]:
    """(sample, replicas before, decision) of each line; blank lines are passed over."""
    memory = Memory()
    current: int | None = None
    before_s = float("-inf")
    for number, text in enumerate(read_text(samples).splitlines(), start=1):
        if not text.strip():
            continue
        line = _parse(text, f"{samples}:{number}")
        if line.now_s < before_s:
            raise ScenarioError(f"{samples}:{number}: now_s: {line.now_s:g}: not before the line above, {before_s:g}")
        before_s = line.now_s
        replicas = current if line.spec_replicas is None else line.spec_replicas
        if replicas is None:
            raise ScenarioError(f"{samples}:{number}: spec_replicas: missing: a count, in the first line")
        decision = decide(spec, memory, _sample(line, replicas), line.now_s)
        memory, current = decision.memory, decision.desired
        yield line, replicas, decision


def _parse(text: str, where: str) -> SampleLine:
    try:
        return SampleLine.model_validate_json(text)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in detail["loc"]) or "line"
        message = detail["msg"][0].lower() + detail["msg"][1:]
        raise ScenarioError(f"{where}: {field}: {shown(detail['input'])}: {message}") from None


def _sample(line: SampleLine, replicas: int) -> Sample:
    status = replicas if line.status_replicas is None else line.status_replicas
    pods = tuple(PodSample(**pod.model_dump()) for pod in line.pods)
    return replace(Sample(replicas, status, pods), external=line.external, object=line.object)


def _answer(now_s: float, decision: Decision) -> dict[str, object]:
    return {
        "now_s": now_s,
        "desired": decision.desired,
        "proposals": [{"metric": metric, "replicas": count} for metric, count in decision.proposals],
        "stabilized": decision.stabilized,
        "limited_by": decision.limited_by,
        "reasons": list(decision.reasons),
        "error": decision.error,
    }


def _sentence(now_s: float, current: int, decision: Decision) -> str:
    why = "; ".join(decision.reasons)
    if decision.error is not None:
        why = f"error, nothing is done: {decision.error}"
    return f"{now_s:9.1f} s  {current:>4} -> {decision.desired:<4}  {why}"

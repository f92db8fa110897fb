import json
from pathlib import Path

import pytest

from matchday.commands import hpa_dry_run
from scenarios.errors import ScenarioError

HPA = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 1
  maxReplicas: 10
  metrics:
    - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}
"""


def pod(name: str, usage: int | None) -> dict[str, object]:
    return {
        "name": name,
        "phase": "Running",
        "deleting": False,
        "ready": True,
        "ready_since_s": -900.0,
        "started_s": -900.0,
        "cpu_request_milli": 100,
        "cpu_usage_milli": usage,
        "sample_at_s": 10.0,
        "window_s": 15.0,
    }


@pytest.fixture
def hpa(tmp_path: Path) -> Path:
    path = tmp_path / "hpa.yaml"
    path.write_text(HPA)
    return path


def samples(tmp_path: Path, *lines: object) -> Path:
    path = tmp_path / "syncs.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n")
    return path


def test_one_answer_a_sync_and_a_missing_count_is_the_decision_before(
    hpa: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    syncs = samples(
        tmp_path,
        {"now_s": 15, "spec_replicas": 2, "status_replicas": 2, "pods": [pod("a", 120), pod("b", 120)]},
        "",
        {"now_s": 30, "pods": [pod(name, 63) for name in "abcd"]},
    )
    assert hpa_dry_run.run(hpa, syncs, as_json=True) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert list(first) == ["now_s", "desired", "proposals", "stabilized", "limited_by", "reasons", "error"]
    assert (first["desired"], first["error"]) == (4, None)
    assert second["desired"] == 4
    assert second["reasons"] == ["held at 4: cpu ratio 1.05 is inside the tolerance"]


def test_without_json_each_sync_is_a_line_for_people(
    hpa: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hpa_dry_run.run(hpa, samples(tmp_path, {"now_s": 15, "spec_replicas": 2, "pods": [pod("a", None)]}), as_json=False)
    assert capsys.readouterr().out == (
        "     15.0 s     2 -> 2     error, nothing is done: cpu: no metrics of ready pods\n"
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"now_s": 1}, "spec_replicas: missing"),
        ({"now_s": "soon", "spec_replicas": 1}, "now_s: soon: input should be a valid number"),
        ({"now_s": 1, "spec_replicas": -1}, "spec_replicas: -1"),
        ({"now_s": 1, "spec_replicas": 1, "pods": [{"name": "a", "phase": "Sleeping"}]}, "pods.0.phase: Sleeping"),
        ({"now_s": 1, "spec_replicas": 1, "pod": []}, "pod: []: extra inputs"),
        ("not json", "line: not json"),
    ],
)
def test_a_wrong_line_is_named(hpa: Path, tmp_path: Path, line: object, words: str) -> None:
    with pytest.raises(ScenarioError, match=r"syncs\.jsonl:1: ") as caught:
        hpa_dry_run.run(hpa, samples(tmp_path, line), as_json=True)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_time_does_not_run_backwards(hpa: Path, tmp_path: Path) -> None:
    syncs = samples(tmp_path, {"now_s": 30, "spec_replicas": 1}, {"now_s": 15})
    with pytest.raises(ScenarioError, match=r"syncs\.jsonl:2: now_s: 15: not before the line above, 30"):
        hpa_dry_run.run(hpa, syncs, as_json=True)


def test_a_mistake_in_the_manifest_is_named_with_its_line(hpa: Path, tmp_path: Path) -> None:
    hpa.write_text(HPA.replace("maxReplicas: 10", "maxReplicas: many"))
    with pytest.raises(ScenarioError, match=r"hpa\.yaml:8: spec\.maxReplicas: many"):
        hpa_dry_run.run(hpa, samples(tmp_path, {"now_s": 1}), as_json=True)


def test_a_file_without_an_autoscaler_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "app.yaml"
    other.write_text("kind: Deployment\n")
    with pytest.raises(ScenarioError, match="0 HorizontalPodAutoscalers: exactly one"):
        hpa_dry_run.run(other, samples(tmp_path, {"now_s": 1}), as_json=True)

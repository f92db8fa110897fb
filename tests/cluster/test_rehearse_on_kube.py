"""`matchday rehearse --target kube`: the whole loop on a real cluster, and that nothing of it stays."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from matchday.compare.comparison import Comparison
from matchday.display import Display
from matchday.targets.kind import images
from matchday.targets.kind.install import Installation
from matchday.targets.kube.namespace import LABEL
from tests.cluster import kindly
from tests.cluster.kindly import ROOT, Cluster

QUICK = ROOT / "scenarios" / "quick"
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def fitted(cluster: Cluster) -> Cluster:
    """The cluster with stand-ins at hand and CPU of pods measured."""
    display = Display(as_json=True)
    images.build(display, images.STANDIN, None)
    cluster.load_image(images.STANDIN)
    installation = Installation(display, cluster.context)
    if not installation.has_metrics():
        image = images.local_metrics_server()
        if image is None:
            pytest.skip("the cluster has no metrics-server, and no image of one is at hand")
        cluster.load_image(image)
        installation.install_metrics(image)
        installation.wait_for_metrics()
    return cluster


def command(cluster: Cluster, scenario: Path, out: Path) -> list[str]:
    words = [sys.executable, "-m", "matchday", "rehearse", str(scenario), "--target", "kube", "--out", str(out)]
    return [*words, "--context", cluster.context, "--address", f"127.0.0.1:{cluster.port}"]


def rehearsals(cluster: Cluster) -> list[str]:
    return [item["metadata"]["name"] for item in cluster.get("namespaces", "-l", LABEL)["items"]]


def test_quick_ends_with_a_report_and_leaves_nothing(fitted: Cluster, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = subprocess.run(command(fitted, QUICK, out), cwd=ROOT, capture_output=True, text=True, check=False)
    # 0 and 1 are answers, 4 is a machine too busy for one
    assert done.returncode in {0, 1, 4}, done.stdout + done.stderr
    assert (out / "report.html").is_file()
    comparison = Comparison.model_validate_json((out / "comparison.json").read_text())
    assert [phase.name for phase in comparison.phases] == ["warm-up", "surge", "whistle"]
    measured = json.loads((out / "measurement.json").read_text())
    assert measured["validity"]["sent"] == measured["validity"]["planned"]
    assert measured["total"]["success_ratio"] > 0
    assert max(row["in_rotation"] for row in measured["replicas"]) > 2, "Kubernetes' autoscaler added pods"
    events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    assert any(event["kind"] == "hpa" and event["desired"] > event["current"] for event in events)
    assert "autoscaler every 15 s" in next(event["text"] for event in events if event["kind"] == "timing")
    assert rehearsals(fitted) == []


def test_an_image_that_cannot_be_pulled_is_one_line_and_leaves_nothing(fitted: Cluster, tmp_path: Path) -> None:
    scenario = shutil.copytree(QUICK, tmp_path / "quick")
    text = (scenario / "app.yaml").read_text().replace("matchday/standin:1", "matchday/no-such-image:1")
    (scenario / "app.yaml").write_text(text)
    words = command(fitted, scenario, tmp_path / "run")
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "image matchday/no-such-image:1: ErrImagePull" in done.stderr or "ImagePullBackOff" in done.stderr
    assert rehearsals(fitted) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_leaves_nothing(fitted: Cluster, tmp_path: Path, number: signal.Signals) -> None:
    words = command(fitted, QUICK, tmp_path / "run")
    with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        kindly.until(lambda: rehearsals(fitted), "a namespace of the run")
        run.send_signal(number)
        _, said = run.communicate(timeout=180)
    assert run.returncode == 4, said
    assert rehearsals(fitted) == []


def test_what_a_killed_run_left_is_removed_by_the_next(fitted: Cluster, tmp_path: Path) -> None:
    words = command(fitted, QUICK, tmp_path / "run")
    with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as run:
        (left,) = kindly.until(lambda: rehearsals(fitted), "a namespace of the run")
        run.kill()
    fitted.kubectl("annotate", "--overwrite", "namespace", left, "matchday/alive-at=0")
    next_words = command(fitted, QUICK, tmp_path / "next")
    with subprocess.Popen(next_words, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as run:
        kindly.until(lambda: left not in rehearsals(fitted), f"{left} is gone", deadline_s=120)
        run.send_signal(signal.SIGINT)
        run.wait(timeout=180)
    assert rehearsals(fitted) == []

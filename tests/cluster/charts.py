"""What balancer/deploy gives when kustomize and the real helm read it."""

from __future__ import annotations

import functools
import os
import shutil
from typing import Any

import pytest
import yaml

from tests.cluster.kindly import KIND_CACHE, ROOT, run

DEPLOY = ROOT / "balancer" / "deploy"
CHART = DEPLOY / "chart"
# a helm built by `go install` does not know which Kubernetes it was made for
KUBE_VERSION = "1.34"
Objects = dict[tuple[str, str, str], dict[str, Any]]


@functools.cache
def helm() -> str:
    """The helm program; built by the ordinary go command where there is none, which takes minutes."""
    if _which("helm") is None and _which("go") is None:
        pytest.skip("helm is not installed, and no go to build it with (balancer/deploy/get-helm)")
    return run(str(DEPLOY / "get-helm"), timeout_s=550).split()[-1]


def kustomized(folder: str) -> Objects:
    """The objects of a folder, by kind, namespace and name."""
    kubectl = _which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    return _parsed(run(kubectl, "kustomize", folder))


def rendered(*words: str, release: str = "matchday-balancer", namespace: str = "matchday") -> Objects:
    """The objects of the chart, by kind, namespace and name. CommandError."""
    return _parsed(
        run(helm(), "template", release, str(CHART), "-n", namespace, "--kube-version", KUBE_VERSION, *words)
    )


def containers(objects: Objects) -> dict[str, Any]:
    """The containers of the one Deployment, by name."""
    (deployment,) = (each for (kind, _, _), each in objects.items() if kind == "Deployment")
    return {each["name"]: each for each in deployment["spec"]["template"]["spec"]["containers"]}


def _which(program: str) -> str | None:
    return shutil.which(program, path=f"{KIND_CACHE / 'bin'}{os.pathsep}{os.environ['PATH']}")


def _parsed(text: str) -> Objects:
    objects = [each for each in yaml.safe_load_all(text) if each]
    return {(o["kind"], o["metadata"].get("namespace", ""), o["metadata"]["name"]): o for o in objects}

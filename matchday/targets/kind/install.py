"""The controller and metrics-server in a cluster, with a mark that says which of them we put there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

import balancer
from matchday.display import Display
from matchday.errors import EnvironmentFailedError
from matchday.targets.kind.images import BALANCER
from matchday.targets.kind.programs import ask, succeeds, work
from scenarios.errors import ScenarioError

NAMESPACE, MARK, DEPLOYMENT = "matchday", "matchday-made", "matchday-balancer"
METRICS_API = "v1beta1.metrics.k8s.io"
_OVERLAY = Path(balancer.__file__).parent / "deploy" / "kind"
_METRICS = Path(__file__).with_name("metrics-server.yaml")
_ROLLOUT_S = 25.0
_DELETE_S = 15.0


class Installation:
    """What is or shall be in the cluster of one context."""

    def __init__(self, display: Display, context: str) -> None:
        self._display, self._context = display, context

    def mark(self) -> dict[str, str] | None:
        """What an earlier `up` left word of; None when there was none."""
        found = self._get("configmap", MARK, "-n", NAMESPACE)
        return None if found is None else dict(found.get("data") or {})

    def refuse_foreign(self) -> None:
        """ScenarioError when somebody else installed a controller in our namespace."""
        if self.mark() is None and self._get("deployment", DEPLOYMENT, "-n", NAMESPACE) is not None:
            raise ScenarioError(
                f"--context: {self._context}: a cluster without a controller in namespace {NAMESPACE}, or with one that "
                f"matchday put there; this one was installed by someone else"
            )

    def has_metrics(self) -> bool:
        """Whether something serves the metrics of pods."""
        return self._get("apiservice", METRICS_API) is not None

    def leave_mark(self, **words: str) -> None:
        """Write or extend the mark, before what it is to speak of is there."""
        data = {**(self.mark() or {}), **words}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        mark = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": MARK, "namespace": NAMESPACE}}
        self._apply([namespace, {**mark, "data": data}])

    def install_metrics(self, image: str) -> None:
        """metrics-server of this image."""
        self._apply(metrics_objects(image))

    def install_controller(self, image: str) -> None:
        """The controller; its pods are made anew when they were there, since a tag may stand for another image."""
        there = self._get("deployment", DEPLOYMENT, "-n", NAMESPACE) is not None
        self._apply(controller_objects(ask("kubectl", "kustomize", str(_OVERLAY)), image))
        if there:
            self._kubectl("-n", NAMESPACE, "rollout", "restart", f"deployment/{DEPLOYMENT}")

    def wait(self, namespace: str, deployment: str) -> None:
        """Until a Deployment is rolled out. EnvironmentFailedError says what holds its pods up."""
        words = self._words("-n", namespace, "rollout", "status", f"deployment/{deployment}", "--timeout=180s")
        try:
            work(self._display, "ready", f"{namespace}/{deployment}", *words, expected_s=_ROLLOUT_S)
        except EnvironmentFailedError as error:
            raise EnvironmentFailedError(f"{error}; {self._troubles(namespace) or 'see kubectl describe'}") from error

    def wait_for_metrics(self) -> None:
        """Until the metrics of pods are served. EnvironmentFailedError says what holds metrics-server up."""
        self.wait("kube-system", "metrics-server")
        service = f"apiservice/{METRICS_API}"
        words = self._words("wait", "--for=condition=Available", service, "--timeout=120s")
        try:
            work(self._display, "ready", service, *words, expected_s=_ROLLOUT_S)
        except EnvironmentFailedError as error:
            raise EnvironmentFailedError(f"{error}; {self._troubles('kube-system')}") from error

    def remove(self) -> None:
        """What the mark speaks of, the mark last."""
        mark = self.mark() or {}
        if mark.get("metrics-server") == "installed":
            self._delete(metrics_objects("metrics-server"))
        self._delete(controller_objects(ask("kubectl", "kustomize", str(_OVERLAY)), BALANCER))

    def _troubles(self, namespace: str) -> str:
        pods = json.loads(self._kubectl("get", "pods", "-n", namespace, "-o", "json"))["items"]
        return "; ".join(
            f"{pod['metadata']['name']}: {status['state']['waiting'].get('reason')}: "
            f"{status['state']['waiting'].get('message', '')[:150]}"
            for pod in pods
            for status in pod["status"].get("containerStatuses", ())
            if "waiting" in status["state"]
        )

    def _apply(self, objects: Sequence[object]) -> None:
        ask(*self._words("apply", "-f", "-"), told=yaml.safe_dump_all(objects))

    def _delete(self, objects: Sequence[object]) -> None:
        words = self._words("delete", "--ignore-not-found", "--timeout=120s", "-f", "-")
        text = yaml.safe_dump_all(objects)
        work(self._display, "remove", f"{len(objects)} objects", *words, told=text, expected_s=_DELETE_S)

    def _get(self, *words: str) -> Any | None:
        """An object; None when it is not there. EnvironmentFailedError when the cluster does not answer."""
        if not succeeds(*self._words("get", *words)):
            self._kubectl("get", "--raw", "/readyz")
            return None
        return json.loads(self._kubectl("get", *words, "-o", "json"))

    def _kubectl(self, *words: str) -> str:
        return ask(*self._words(*words))

    def _words(self, *words: str) -> tuple[str, ...]:
        return ("kubectl", "--context", self._context, *words)


def controller_objects(kustomized: str, image: str) -> list[dict[str, Any]]:
    """The overlay's objects with another image in place of its own."""
    objects: list[dict[str, Any]] = list(yaml.safe_load_all(kustomized))
    for found in objects:
        if found["kind"] in {"Deployment", "DaemonSet"}:
            for container in found["spec"]["template"]["spec"]["containers"]:
                container["image"] = image
    return objects


def metrics_objects(image: str) -> list[dict[str, Any]]:
    """Our manifest of metrics-server with this image."""
    return controller_objects(_METRICS.read_text(), image)

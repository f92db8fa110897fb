"""`matchday up`: a kind cluster with controller and metrics-server, or both in a cluster that is named."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass

from matchday.display import Display
from matchday.targets.kind import cluster as kind
from matchday.targets.kind import images
from matchday.targets.kind.context import known_context
from matchday.targets.kind.install import DEPLOYMENT, NAMESPACE, Installation
from matchday.targets.kind.programs import need
from scenarios.errors import ScenarioError


@dataclass(frozen=True)
class Wanted:
    """What `up` was asked for. `context` None: a kind cluster of ours called `name`."""

    name: str
    context: str | None
    port: int
    keep: bool
    image: str | None
    base_image: str | None
    node_image: str | None
    metrics_server: str | None


def run(wanted: Wanted, *, as_json: bool) -> int:
    """Make or update it; a second time is as good as once. A cluster made by a run that fails is removed again."""
    display = Display(as_json=as_json)
    with _terminated_as_interrupted():
        made = _up_here(display, wanted) if wanted.context is None else _up_there(display, wanted, wanted.context)
    if as_json:
        print(json.dumps(made, indent=1))
    return 0


def _up_here(display: Display, wanted: Wanted) -> dict[str, object]:
    need("docker", "kind", "kubectl")
    there = wanted.name in kind.clusters()
    if there:
        kind.refuse_foreign(wanted.name)
        display.say(f"kind cluster {wanted.name} is there; bringing it up to date")
    try:
        if not there:
            kind.create(display, wanted.name, wanted.port, wanted.node_image)
        installed = _install(display, wanted, kind.context_of(wanted.name), wanted.name)
    except (Exception, KeyboardInterrupt):
        if not there and wanted.name in kind.clusters():
            _leave(display, wanted)
        raise
    address = kind.published(wanted.name)
    made = {"cluster": wanted.name, "made": not there, "address": address, **installed}
    display.say(f"ready: http://{address} is the controller, context {made['context']}")
    display.say(f"next: matchday rehearse scenarios/quick --target kube --context {made['context']}")
    return made


def _leave(display: Display, wanted: Wanted) -> None:
    if wanted.keep:
        display.say(f"kind cluster {wanted.name} is kept for a look; `matchday down --name {wanted.name}` removes it")
        return
    kind.delete(wanted.name)
    display.say(f"kind cluster {wanted.name} removed again; --keep would have kept it")


def _up_there(display: Display, wanted: Wanted, context: str) -> dict[str, object]:
    need("kubectl")
    known_context(context)
    cluster = context.removeprefix("kind-") if context.startswith("kind-") else None
    if cluster is None and wanted.image is None:
        raise ScenarioError(f"--image: left out: an image that the nodes of {context} can pull")
    if cluster is not None:
        need("docker", "kind")
    Installation(display, context).refuse_foreign()
    made = _install(display, wanted, context, cluster)
    display.say(f"ready: controller in namespace {NAMESPACE} of {context}")
    return {"cluster": None, "made": False, "address": kind.published(cluster) if cluster else None, **made}


def _install(display: Display, wanted: Wanted, context: str, cluster: str | None) -> dict[str, object]:
    """Images, metrics-server, controller; `cluster` is the kind cluster of that context, if it is one."""
    image = wanted.image or images.BALANCER
    if wanted.image is None:
        images.build(display, image, wanted.base_image)
    if cluster is not None:
        images.build(display, images.STANDIN, wanted.base_image)
        for tag in (image, images.STANDIN):
            images.load(display, cluster, tag)
    installation = Installation(display, context)
    metrics = _install_metrics(display, wanted, installation, cluster)
    installation.leave_mark(controller="installed")
    installation.install_controller(image)
    installation.wait(NAMESPACE, DEPLOYMENT)
    if metrics == "installed":
        installation.wait_for_metrics()
    return {"context": context, "image": image, "metrics_server": metrics}


def _install_metrics(display: Display, wanted: Wanted, installation: Installation, cluster: str | None) -> str:
    """`there`, `installed` or `absent`."""
    ours = (installation.mark() or {}).get("metrics-server") == "installed"
    if installation.has_metrics() and not ours:
        display.say("metrics-server: the cluster's own is used")
        return "there"
    image = wanted.metrics_server or (images.local_metrics_server() if cluster is not None else None)
    if image is None and ours:
        return "installed"
    if image is None:
        display.say("metrics-server: none, so no HPA can scale on CPU; name its image with --metrics-server IMAGE")
        return "absent"
    if cluster is not None and wanted.metrics_server is None:
        images.load(display, cluster, image)
    display.say(f"metrics-server: the cluster has none; installing {image}")
    installation.leave_mark(**{"metrics-server": "installed"})
    installation.install_metrics(image)
    return "installed"


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM and SIGHUP clean up as Ctrl-C does."""

    def interrupt(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

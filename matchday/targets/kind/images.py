"""Images of this checkout: built with the machine's docker, brought to a kind cluster's nodes."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import balancer
from matchday.display import Display
from matchday.errors import EnvironmentFailedError
from matchday.targets.kind.programs import ask, succeeds, work

BALANCER = f"matchday/balancer:{version('matchday')}"
STANDIN = "matchday/standin:1"
_ROOT = Path(balancer.__file__).parents[1]
_DOCKERFILES = {BALANCER: "balancer/deploy/Dockerfile", STANDIN: "matchday/standin/Dockerfile"}
# Built on machines that reach no image registry; elsewhere the Dockerfile's own default holds.
_LOCAL_BASE = "local/python:3.11-bookworm"
_LOCAL_METRICS = "local/metrics-server"
_BUILD_S, _LOAD_S = 20.0, 10.0


def build(display: Display, tag: str, base_image: str | None) -> None:
    """Build one of our images. EnvironmentFailedError away from a checkout, or when docker fails."""
    dockerfile = _ROOT / _DOCKERFILES[tag]
    if not dockerfile.is_file():
        raise EnvironmentFailedError(f"{tag} cannot be built without {dockerfile}: run from a checkout, or use --image")
    base = base_image or (_LOCAL_BASE if succeeds("docker", "image", "inspect", _LOCAL_BASE) else None)
    arguments = () if base is None else ("--build-arg", f"BASE_IMAGE={base}")
    words = ("docker", "build", "-t", tag, *arguments, "-f", str(dockerfile), str(_ROOT))
    work(display, "image", f"{tag} from {dockerfile.relative_to(_ROOT)}", *words, expected_s=_BUILD_S)


def load(display: Display, cluster: str, tag: str) -> None:
    """Bring an image to the nodes of a kind cluster; quick when they have it."""
    words = ("kind", "load", "docker-image", "--name", cluster, tag)
    work(display, "load", f"{tag} into {cluster}", *words, expected_s=_LOAD_S)


def local_metrics_server() -> str | None:
    """A metrics-server built on this machine; None when there is none."""
    tags = ask("docker", "images", _LOCAL_METRICS, "--format", "{{.Tag}}").split()
    return f"{_LOCAL_METRICS}:{tags[0]}" if tags else None

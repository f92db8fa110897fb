"""Kind clusters: what we make one of, which there are, and which of them are ours to touch."""

from __future__ import annotations

import json
import socket

import yaml

from matchday.display import Display
from matchday.errors import EnvironmentFailedError
from matchday.targets.kind.programs import ask, succeeds, work
from scenarios.errors import ScenarioError

NODE_PORT = 30080
# A node's label that says who made the cluster: there from its first moment, so that a broken `up` is known as ours.
MADE_LABEL = "matchday-made"
_LOCAL_NODE = "local/kind-node"
_CREATE_S = 30.0


def context_of(name: str) -> str:
    """The kubeconfig's context of a kind cluster."""
    return f"kind-{name}"


def config(port: int) -> str:
    """Kind's configuration: one node, its node port at 127.0.0.1:`port`; addresses are those set aside for benchmarks.

    Source: RFC 2544, 198.18.0.0/15.
    """
    mapping = {"listenAddress": "127.0.0.1", "hostPort": port, "containerPort": NODE_PORT}
    made = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {
            "apiServerAddress": "127.0.0.1",
            "podSubnet": "198.19.0.0/17",
            "serviceSubnet": "198.19.128.0/17",
        },
        "nodes": [{"role": "control-plane", "labels": {MADE_LABEL: "cluster"}, "extraPortMappings": [mapping]}],
    }
    return yaml.safe_dump(made, sort_keys=False)


def clusters() -> tuple[str, ...]:
    """Names of this machine's kind clusters."""
    return tuple(ask("kind", "get", "clusters").split())


def made_by_us(name: str) -> bool:
    """Whether `matchday up` made this cluster. EnvironmentFailedError when it does not answer."""
    try:
        nodes = json.loads(ask("kubectl", "--context", context_of(name), "get", "nodes", "-o", "json"))["items"]
    except EnvironmentFailedError as error:
        raise EnvironmentFailedError(
            f"the kind cluster {name} does not answer, so that nobody knows who made it; "
            f"if it is yours, `kind delete cluster --name {name}` ({error})"
        ) from error
    return any(MADE_LABEL in node["metadata"].get("labels", {}) for node in nodes)


def refuse_foreign(name: str) -> None:
    """ScenarioError when the cluster is there and somebody else made it."""
    if not made_by_us(name):
        raise ScenarioError(
            f"--name: {name}: a kind cluster that matchday made, or a new name; to use this one all the same, "
            f"--context {context_of(name)}"
        )


def create(display: Display, name: str, port: int, node_image: str | None) -> None:
    """Make a cluster. ScenarioError when the port is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ScenarioError(f"--port: {port}: a port of 127.0.0.1 that nobody uses") from error
    image = node_image or _local_node_image()
    chosen = () if image is None else ("--image", image)
    words = ("kind", "create", "cluster", "--name", name, *chosen, "--config", "-", "--wait", "120s")
    about = f"kind cluster {name}, {image or 'kind’s own node image'}"
    work(display, "cluster", about, *words, told=config(port), expected_s=_CREATE_S)


def delete(name: str) -> None:
    """Remove a cluster; nothing happens when there is none."""
    ask("kind", "delete", "cluster", "--name", name)


def published(name: str) -> str | None:
    """HOST:PORT on this machine behind which the node port of a cluster is; None when it is not published."""
    node = f"{name}-control-plane"
    if not succeeds("docker", "port", node, f"{NODE_PORT}/tcp"):
        return None
    return ask("docker", "port", node, f"{NODE_PORT}/tcp").splitlines()[0].strip()


def _local_node_image() -> str | None:
    """A node image built on this machine, the newest; None where there is none and kind takes its own."""
    tags = [tag for tag in ask("docker", "images", _LOCAL_NODE, "--format", "{{.Tag}}").split() if "bare" not in tag]
    return f"{_LOCAL_NODE}:{tags[0]}" if tags else None

"""A cluster for the tests: one that is named, or a kind cluster of their own, with the controller in it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml

ROOT = Path(__file__).parents[2]
KIND_SCRIPTS = Path(os.environ.get("MATCHDAY_KIND_SCRIPTS", ROOT.parent / "shared" / "kind"))
KIND_CACHE = Path(os.environ.get("KIND_CACHE", Path.home() / ".cache" / "matchday-kind"))
BALANCER_IMAGE = "matchday/balancer:0.1.0"
APP_IMAGE = "matchday/testapp:1"
# built on machines without an image registry; elsewhere the defaults of kind and of the Dockerfiles hold
LOCAL_BASE = "local/python:3.11-bookworm"
LOCAL_NODE = "local/kind-node:v1.34.4"
HTTP_NODE_PORT, HTTPS_NODE_PORT = 30080, 30443
SYSTEM = "matchday"
_numbers = itertools.count(1)
T = TypeVar("T")


class CommandError(AssertionError):
    """A program ended with an error; its words stand in the message."""


def run(*words: str, input: str | None = None, timeout_s: float = 180.0) -> str:  # noqa: A002
    """What a program says. CommandError."""
    done = subprocess.run(words, input=input, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode:
        raise CommandError(
            f"{' '.join(words)} ended with {done.returncode}:\n{done.stderr[-2000:]}{done.stdout[-500:]}"
        )
    return done.stdout


def why_not() -> str | None:
    """The reason for which there can be no cluster here; None when there can be one."""
    binaries = KIND_CACHE / "bin"
    if binaries.is_dir() and str(binaries) not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = f"{binaries}{os.pathsep}{os.environ['PATH']}"
    for name in ("docker", "kubectl") if os.environ.get("MATCHDAY_TEST_CONTEXT") else ("docker", "kind", "kubectl"):
        if shutil.which(name) is None:
            return f"{name} is not installed"
    if subprocess.run(("docker", "info"), capture_output=True, check=False).returncode:
        return "docker is installed, but its daemon does not answer"
    return None


def until(ask: Callable[[], T], what: str, deadline_s: float = 60.0, every_s: float = 0.1) -> T:
    """The first answer that is true."""
    end = time.monotonic() + deadline_s
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < end, f"not within {deadline_s:g} s: {what}"
        time.sleep(every_s)


class Cluster:
    """A cluster with the controller in it, reached over NodePorts on 127.0.0.1."""

    def __init__(self, context: str) -> None:
        self.context = context
        self.node = json.loads(self.kubectl("get", "nodes", "-o", "json"))["items"][0]["metadata"]["name"]
        self.port = self._published(HTTP_NODE_PORT)
        self.https_port = self._published(HTTPS_NODE_PORT)

    def kubectl(self, *args: str, input: str | None = None, timeout_s: float = 180.0) -> str:  # noqa: A002
        """What kubectl says. CommandError."""
        return run("kubectl", "--context", self.context, *args, input=input, timeout_s=timeout_s)

    def get(self, *args: str) -> Any:
        """An object or a list of them."""
        return json.loads(self.kubectl("get", *args, "-o", "json"))

    def apply(self, *objects: object, namespace: str | None = None) -> None:
        """Create or change objects."""
        where = () if namespace is None else ("-n", namespace)
        self.kubectl("apply", *where, "-f", "-", input=yaml.safe_dump_all(objects))

    def load_image(self, tag: str) -> None:
        """Bring an image of this machine's docker to the nodes of a kind cluster; elsewhere it must be there."""
        if self.context.startswith("kind-"):
            run("kind", "load", "docker-image", "--name", self.context.removeprefix("kind-"), tag)

    def node_exec(self, *args: str) -> str:
        """What a program says that runs in the (first) node, as root. CommandError."""
        return run("docker", "exec", self.node, *args)

    @contextlib.contextmanager
    def namespace(self, prefix: str = "test") -> Iterator[str]:
        """A fresh namespace; removed after, without waiting for it."""
        name = f"{prefix}-{os.getpid()}-{next(_numbers)}"
        self.kubectl("create", "namespace", name)
        try:
            yield name
        finally:
            # first what the controller sees, so that its reload for it does not fall into the next test
            self.kubectl("-n", name, "delete", "ingresses,services", "--all", "--wait=false")
            self.kubectl("delete", "namespace", name, "--wait=false")

    def ready(self, kind_and_name: str, namespace: str, deadline_s: float = 120.0) -> None:
        """Wait for a rollout."""
        self.kubectl(
            *("-n", namespace, "rollout", "status", kind_and_name, f"--timeout={deadline_s:g}s"),
            timeout_s=deadline_s + 10,
        )

    def _published(self, node_port: int) -> int:
        """The port of 127.0.0.1 behind which this port of the node is."""
        named = os.environ.get(f"MATCHDAY_TEST_PORT_{node_port}")
        if named:
            return int(named)
        line = run("docker", "port", self.node, f"{node_port}/tcp").splitlines()[0]
        return int(line.rpartition(":")[2])


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody holds now."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(server.getsockname()[1]) for server in held]


def has_image(tag: str) -> bool:
    """Whether this machine's docker has it."""
    return subprocess.run(("docker", "image", "inspect", tag), capture_output=True, check=False).returncode == 0


def build(tag: str, dockerfile: Path, context: Path) -> None:
    """Build an image on the base that is at hand."""
    base = ("--build-arg", f"BASE_IMAGE={LOCAL_BASE}") if has_image(LOCAL_BASE) else ()
    run("docker", "build", "--quiet", "-t", tag, *base, "-f", str(dockerfile), str(context), timeout_s=600)


def create(name: str) -> str:
    """A kind cluster of one node; its context."""
    if name in run("kind", "get", "clusters").split():
        return f"kind-{name}"
    http, https = free_ports(2)
    mappings = [
        {"listenAddress": "127.0.0.1", "hostPort": http, "containerPort": HTTP_NODE_PORT},
        {"listenAddress": "127.0.0.1", "hostPort": https, "containerPort": HTTPS_NODE_PORT},
    ]
    config = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        # addresses set aside for benchmarks (RFC 2544)
        "networking": {
            "apiServerAddress": "127.0.0.1",
            "podSubnet": "198.19.0.0/17",
            "serviceSubnet": "198.19.128.0/17",
        },
        "nodes": [{"role": "control-plane", "extraPortMappings": mappings}],
    }
    image = ("--image", LOCAL_NODE) if has_image(LOCAL_NODE) else ()
    words = ("kind", "create", "cluster", "--name", name, *image, "--config", "-", "--wait", "120s")
    run(*words, input=yaml.safe_dump(config), timeout_s=300)
    return f"kind-{name}"


def delete(name: str) -> None:
    """Remove a kind cluster."""
    run("kind", "delete", "cluster", "--name", name)


def install(cluster: Cluster) -> None:
    """The images, and the controller of this checkout; also over an older one."""
    build(APP_IMAGE, ROOT / "tests/cluster/app/Dockerfile", ROOT / "tests/cluster/app")
    build(BALANCER_IMAGE, ROOT / "balancer/deploy/Dockerfile", ROOT)
    cluster.load_image(APP_IMAGE)
    cluster.load_image(BALANCER_IMAGE)
    there = cluster.kubectl("get", "deployments", "-A", "-o", "name").split()
    cluster.kubectl("apply", "-k", str(ROOT / "balancer/deploy/kind"))
    if "deployment.apps/matchday-balancer" in there:  # the tag is the same, the image may be another
        cluster.kubectl("-n", SYSTEM, "rollout", "restart", "deployment/matchday-balancer")
    cluster.ready("deployment/matchday-balancer", SYSTEM, deadline_s=180)

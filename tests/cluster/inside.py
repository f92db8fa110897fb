"""What the tests look at and do inside the cluster: the controller's pods, their metrics, their processes, Events."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.cluster.kindly import SYSTEM, Cluster, CommandError, until

CONTROLLER_PORT, EXPORTER_PORT = 8406, 8404
NAME = "matchday-balancer"
QUIET_S, SETTLED_S = 1.0, 60.0


@dataclass(frozen=True)
class Sample:
    """One value of a scrape."""

    name: str
    labels: dict[str, str]
    value: float


def balancers(cluster: Cluster) -> list[dict[str, Any]]:
    """The controller's pods that run, the oldest first."""
    pods = [
        pod
        for pod in cluster.get("pods", "-n", SYSTEM)["items"]
        if pod["metadata"]["name"].startswith(NAME) and "deletionTimestamp" not in pod["metadata"]
    ]
    return sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))


def names(cluster: Cluster) -> list[str]:
    """The names of the controller's pods."""
    return [str(pod["metadata"]["name"]) for pod in balancers(cluster)]


def scrape(cluster: Cluster, pod: str, port: int = CONTROLLER_PORT) -> list[Sample]:
    """A pod's metrics."""
    text = cluster.kubectl("get", "--raw", f"/api/v1/namespaces/{SYSTEM}/pods/{pod}:{port}/proxy/metrics")
    return [
        Sample(sample.name, dict(sample.labels), sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def total(cluster: Cluster, name: str, labels: Mapping[str, str] | None = None, port: int = CONTROLLER_PORT) -> float:
    """A metric's sum over all of the controller's pods, of the samples with these labels."""
    return sum(
        sample.value
        for pod in names(cluster)
        for sample in scrape(cluster, pod, port)
        if sample.name == name and (labels or {}).items() <= sample.labels.items()
    )


def reloads(cluster: Cluster) -> dict[str, float]:
    """How often any proxy was reloaded, by reason, once that has not changed for a moment."""

    def counted() -> dict[str, float]:
        found: dict[str, float] = {}
        for pod in names(cluster):
            for sample in scrape(cluster, pod):
                if sample.name == "matchday_reloads_total":
                    reason = sample.labels["reason"]
                    found[reason] = found.get(reason, 0.0) + sample.value
        return found

    end = time.monotonic() + SETTLED_S
    before = counted()
    while True:
        time.sleep(QUIET_S)  # as long as nothing may change for it to count as settled
        now = counted()
        if now == before:
            return now
        assert time.monotonic() < end, f"reloads without end: {now}"
        before = now


def processes(cluster: Cluster, *words: str) -> dict[int, str]:
    """The node's processes whose command line has all these words: pid -> command line."""
    listing = cluster.node_exec(
        "sh", "-c", 'for p in /proc/[0-9]*; do echo "${p#/proc/} $(tr "\\0" " " <$p/cmdline)"; done'
    )
    found = {}
    for line in listing.splitlines():
        pid, _, command = line.partition(" ")
        if command and "for p in /proc" not in command and all(word in command for word in words):
            found[int(pid)] = command
    return found


def haproxies(cluster: Cluster) -> dict[int, str]:
    """HAProxy's processes in the node, masters and workers."""
    return {pid: line for pid, line in processes(cluster, "haproxy").items() if line.split()[0].endswith("haproxy")}


def controllers(cluster: Cluster) -> list[int]:
    """The controllers' processes, without the guards that start them."""
    found = processes(cluster, "balancer", "controller")
    return [pid for pid in found if _parent(cluster, pid) in found]


def _parent(cluster: Cluster, pid: int) -> int:
    """0 for a process that has gone meanwhile."""
    if pid not in processes(cluster):
        return 0
    (line,) = [
        line for line in cluster.node_exec("cat", f"/proc/{pid}/status").splitlines() if line.startswith("PPid:")
    ]
    return int(line.split()[1])


def memory_mb(cluster: Cluster, pid: int) -> float:
    """A process's resident memory, in 10^6 bytes."""
    status = cluster.node_exec("cat", f"/proc/{pid}/status")
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024 / 1e6


def events(cluster: Cluster, namespace: str, name: str | None = None) -> list[dict[str, Any]]:
    """The Warning Events of a namespace, or of one object in it."""
    found = cluster.get("events.events.k8s.io", "-n", namespace)["items"]
    return [
        event
        for event in found
        if event.get("type") == "Warning" and (name is None or event["regarding"].get("name") == name)
    ]


def warned(cluster: Cluster, namespace: str, name: str, word: str = "", deadline_s: float = 20.0) -> str:
    """The words of a Warning Event about an object, once there is one with this word in it."""

    def found() -> str:
        notes = [str(event.get("note", "")) for event in events(cluster, namespace, name)]
        return next((note for note in notes if word in note), "")

    return until(found, f"a Warning Event about {name} that says {word!r}", deadline_s, every_s=0.3)


def leader(cluster: Cluster) -> str:
    """The pod that holds the Lease."""
    return str(cluster.get("lease", NAME, "-n", SYSTEM)["spec"]["holderIdentity"])


def ready(cluster: Cluster) -> bool:
    """Whether all containers of all the controller's pods are ready."""
    return all(
        status["ready"]
        for pod in balancers(cluster)
        for status in pod["status"].get("containerStatuses") or [{"ready": False}]
    )


def scale(cluster: Cluster, replicas: int) -> None:
    """So many controllers, all ready, and none of those that were too many left."""
    cluster.kubectl("-n", SYSTEM, "scale", f"deployment/{NAME}", f"--replicas={replicas}")
    cluster.ready(f"deployment/{NAME}", SYSTEM)
    until(lambda: len(cluster.get("pods", "-n", SYSTEM)["items"]) == replicas, "the other pods are gone", 90.0, 0.5)


def logs(cluster: Cluster, container: str, lines: int = 40) -> str:
    """What the controller's pods said last, for a person who looks at a failure."""
    try:
        return cluster.kubectl("-n", SYSTEM, "logs", f"deployment/{NAME}", "-c", container, f"--tail={lines}")
    except CommandError as error:
        return str(error)

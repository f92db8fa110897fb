"""From the EndpointSlice event to the first request that the new pod answers, over 200 real pod starts."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tests.cluster import inside, objects
from tests.cluster.asking import ask
from tests.cluster.kindly import Cluster, until
from tests.cluster.rotation import Rotation, rotations

SERVICES = 4
MOST_PODS = 5
ROUNDS = 10
START_S = 60.0


def say(title: str, found: list[Rotation]) -> tuple[float, float, float]:
    """Prints and returns p50, p99 and the longest, in ms."""
    took = np.array([rotation.took_s * 1e3 for rotation in found])
    p50, p90, p99, most = (float(value) for value in np.quantile(took, (0.5, 0.9, 0.99, 1.0), method="higher"))
    print(f"\n{title}: {len(found)} pods, p50 {p50:.1f} ms, p90 {p90:.1f} ms, p99 {p99:.1f} ms, most {most:.1f} ms")
    return p50, p99, most


def own_figures(cluster: Cluster) -> Counter[float]:
    """The controller's own histogram of what went by run-time commands: bucket's bound in s -> how many within it."""
    found: Counter[float] = Counter()
    for pod in inside.names(cluster):
        for sample in inside.scrape(cluster, pod):
            if sample.name == "matchday_event_to_live_seconds_bucket" and sample.labels["how"] == "runtime":
                found[float(sample.labels["le"])] += int(sample.value)
    return found


def gone(cluster: Cluster, namespace: str, left: int) -> None:
    until(lambda: len(cluster.get("pods", "-n", namespace)["items"]) <= left, "pods gone", START_S)


def test_a_new_pod_serves_within_10_ms_of_its_event_without_a_reload(cluster: Cluster) -> None:
    with cluster.namespace("latency") as namespace:
        for number in range(SERVICES):
            name = f"s{number}"
            cluster.apply(
                objects.deployment(name, 0, drain_s=0.3, grace_s=2),
                objects.service(name),
                objects.ingress(name, {f"{name}.{namespace}.test": [objects.path(name)]}),
                namespace=namespace,
            )
        hosts = [f"s{number}.{namespace}.test" for number in range(SERVICES)]
        until(lambda: all(ask(cluster.port, host).status == 503 for host in hosts), "all hosts are known")
        reloads, before = inside.reloads(cluster), own_figures(cluster)
        with rotations(cluster.context, namespace, cluster.port) as wait_for:
            started = 0
            for _ in range(ROUNDS):
                # one start after another: several at once on a small node measure how pods' own starts share its cores
                for replicas in range(1, MOST_PODS + 1):
                    for number in range(SERVICES):
                        cluster.kubectl("-n", namespace, "scale", f"deployment/s{number}", f"--replicas={replicas}")
                        started += 1
                        found = wait_for(started, START_S)
                cluster.kubectl("-n", namespace, "scale", "deployment", "--all", "--replicas=0")
                gone(cluster, namespace, 0)
        p50, p99, _ = say("event to first answer", found)
        own = own_figures(cluster)
        own.subtract(before)
        print(f"the controllers' own, event to live: within s {dict(own)}")
        assert len(found) == SERVICES * MOST_PODS * ROUNDS
        assert inside.reloads(cluster) == reloads
        assert p50 <= 10.0
        assert p99 <= 30.0


def test_of_20_pods_starting_at_once_the_last_serves_within_100_ms_of_its_event(cluster: Cluster) -> None:
    with cluster.namespace("latency") as namespace:
        cluster.apply(*objects.application("s", f"s.{namespace}.test", 1, drain_s=0.3), namespace=namespace)
        cluster.ready("deployment/s", namespace)
        with rotations(cluster.context, namespace, cluster.port) as wait_for:
            wait_for(1, START_S)
            reloads = inside.reloads(cluster)
            cluster.kubectl("-n", namespace, "scale", "deployment/s", "--replicas=21")
            found = wait_for(21, START_S)[1:]
        say("20 pods at once", found)
        last = max(found, key=lambda rotation: rotation.served_s)
        print(f"the last of 20: {last.took_s * 1e3:.1f} ms")
        assert inside.reloads(cluster) == reloads
        assert last.took_s <= 0.1

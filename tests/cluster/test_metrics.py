"""What the cluster is told: HAProxy's metrics, the controller's, and those by which an HPA can scale."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster import inside
from tests.cluster.apps import App, serving
from tests.cluster.kindly import Cluster, CommandError, until

EXTERNAL = "/apis/external.metrics.k8s.io/v1beta1"
CLIENTS = 8
SCALED_S = 120.0  # the HPA looks every 15 s


@pytest.fixture
def app(cluster: Cluster) -> Iterator[App]:
    with serving(cluster, 1, annotations={"haproxy.org/pod-maxconn": "4"}) as made:
        yield made


@contextlib.contextmanager
def busy(app: App, clients: int = CLIENTS) -> Iterator[None]:
    """So many clients, each with a request of half a second, again and again."""
    over = threading.Event()

    def client() -> None:
        while not over.is_set():
            app.ask("/?sleep=0.5")

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def external(app: App, metric: str) -> float:
    """A metric of the application's Service; -1 when there is none (yet)."""
    address = f"{EXTERNAL}/namespaces/{app.namespace}/{metric}?labelSelector=service%3Dapp"
    try:
        items = json.loads(app.cluster.kubectl("get", "--raw", address))["items"]
    except CommandError:
        return -1.0
    return sum(quantity(item["value"]) for item in items) if items else -1.0


def quantity(text: str) -> float:
    """A Kubernetes quantity, as this API writes it."""
    return float(text.removesuffix("m")) / 1000 if text.endswith("m") else float(text)


def test_external_metrics_say_rate_queue_and_requests_in_flight(app: App) -> None:
    listed = json.loads(app.cluster.kubectl("get", "--raw", EXTERNAL))["resources"]
    print([resource["name"] for resource in listed])
    until(lambda: external(app, "matchday_in_flight") >= 0, "the metrics API answers", 60.0, 0.5)
    with busy(app):
        until(lambda: external(app, "matchday_in_flight") == 4, "4 in flight: what the one pod may have", 30.0)
        until(lambda: external(app, "matchday_queue_length") == CLIENTS - 4, "the others wait", 30.0)
        until(lambda: external(app, "matchday_in_flight_per_pod") == 4, "4 for each pod", 30.0)
        until(lambda: 6 <= external(app, "matchday_requests_per_second") <= 10, "4 pod slots of 0.5 s: 8 rps", 30.0)
    until(lambda: external(app, "matchday_in_flight") == 0, "nobody is there any more", 30.0)


def test_an_hpa_scales_on_requests_in_flight_and_queue(app: App) -> None:
    target = {"type": "AverageValue", "averageValue": "2"}
    app.cluster.apply(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "app"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
                "minReplicas": 1,
                "maxReplicas": 6,
                "metrics": [
                    {
                        "type": "External",
                        "external": {
                            "metric": {"name": name, "selector": {"matchLabels": {"service": "app"}}},
                            "target": target,
                        },
                    }
                    for name in ("matchday_in_flight", "matchday_queue_length")
                ],
            },
        },
        namespace=app.namespace,
    )

    def replicas() -> int:
        return int(app.cluster.get("deployment", "app", "-n", app.namespace)["status"].get("readyReplicas", 0))

    with busy(app):
        began = time.monotonic()
        until(lambda: replicas() >= 4, "8 in flight, 2 a pod: 4 pods", SCALED_S, 0.5)
        print(f"\nload to 4 ready pods: {time.monotonic() - began:.0f} s")


def test_the_exporter_and_the_controller_know_service_pod_and_node(app: App, cluster: Cluster) -> None:
    assert app.ask().status == 200
    pod = app.pods()[0]
    name, node = pod["metadata"]["name"], pod["spec"]["nodeName"]
    assert inside.total(cluster, "haproxy_process_requests_total", port=inside.EXPORTER_PORT) > 0
    service = {"namespace": app.namespace, "service": "app"}
    assert inside.total(cluster, "matchday_pods_in_rotation", service) == len(inside.names(cluster))
    assert inside.total(cluster, "matchday_pod_in_rotation", {**service, "pod": name, "node": node}) >= 1
    assert inside.total(cluster, "matchday_proxy_up") == len(inside.names(cluster))
    assert inside.total(cluster, "matchday_event_to_live_seconds_count") > 0


def test_one_replica_leads_and_its_lease_goes_to_another_when_it_ends(cluster: Cluster) -> None:
    inside.scale(cluster, 2)
    first = until(lambda: inside.leader(cluster), "a leader", 60.0, 0.5)
    assert first in inside.names(cluster)
    assert inside.total(cluster, "matchday_leader") == 1
    cluster.kubectl("-n", "matchday", "delete", "pod", first, "--wait=false")
    until(lambda: inside.leader(cluster) not in ("", first), "another leader", 60.0, 0.2)
    inside.scale(cluster, 2)


def told(app: App, annotation: str, value: str) -> dict[str, Any]:
    app.kubectl("annotate", "--overwrite", "ingress", "app", f"haproxy.org/{annotation}={value}")
    words = inside.warned(app.cluster, app.namespace, "app", annotation)
    (event,) = [x for x in inside.events(app.cluster, app.namespace, "app") if x["note"] == words]
    return dict(event)


def test_a_refused_annotation_is_told_once_in_an_event_and_counted_until_it_is_mended(app: App) -> None:
    event = told(app, "load-balance", "fastest")
    print(f"\n{event['note']}")
    assert "fastest" in event["note"]
    assert "leastconn" in event["note"]
    count = {"namespace": app.namespace, "name": "app"}
    until(lambda: inside.total(app.cluster, "matchday_refused_annotations", count) > 0, "it is counted", 20.0)
    app.kubectl("annotate", "ingress", "app", "haproxy.org/load-balance-")
    until(lambda: inside.total(app.cluster, "matchday_refused_annotations", count) == 0, "mended", 20.0)
    assert app.ask().status == 200

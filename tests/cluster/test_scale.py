"""2,000 Ingresses with 2,000 Services: first sync, memory, and how soon one change is live."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median

import pytest

from balancer.kube.api import MERGE_PATCH, Api, ApiUnavailableError, connect
from tests.cluster import inside, objects
from tests.cluster.apps import App, serving
from tests.cluster.asking import ask
from tests.cluster.kindly import Cluster, CommandError, until
from tests.cluster.test_failures import one_balancer

COUNT = 2_000
WRITERS = 8
CHANGES = 20
COLLECTIONS = {
    "services": "/api/v1/namespaces/{}/services",
    "endpointslices": "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
    "ingresses": "/apis/networking.k8s.io/v1/namespaces/{}/ingresses",
}


def host(number: int) -> str:
    return f"h{number}.scale.test"


def endpoint(pod: objects.Json) -> objects.Json:
    reference = {"kind": "Pod", "name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"]}
    conditions = {"ready": True, "serving": True, "terminating": False}
    return {"addresses": [pod["status"]["podIP"]], "conditions": conditions, "targetRef": reference}


def write(api: Api, namespace: str, pod: objects.Json) -> float:
    """All objects, several at a time; how long it took, in seconds. Headless Services, which kube-proxy leaves alone."""

    def one(number: int) -> None:
        name = f"s{number}"
        slice_ = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
            "endpoints": [endpoint(pod)],
        }
        made = {
            "services": objects.service(name, clusterIP="None", selector=None),
            "endpointslices": slice_,
            "ingresses": objects.ingress(name, {host(number): [objects.path(name)]}),
        }
        for kind, item in made.items():
            api.send("POST", COLLECTIONS[kind].format(namespace), item)

    began = time.monotonic()
    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(one, range(COUNT)))
    return time.monotonic() - began


def started_s(cluster: Cluster, pid: int) -> float:
    """When a process of the node started, on the machine's monotonic clock."""
    fields = cluster.node_exec("cat", f"/proc/{pid}/stat").rpartition(")")[2].split()
    uptime_s = float(cluster.node_exec("cat", "/proc/uptime").split()[0])
    now = time.monotonic()
    ticks_a_second = 100
    return now - (uptime_s - int(fields[19]) / ticks_a_second)


def first_sync_s(cluster: Cluster) -> float:
    """A new pod, controller and proxy: from its controller's start until that one says that it has synced."""
    old = inside.names(cluster)
    before = inside.processes(cluster, "balancer", "controller")
    cluster.kubectl("-n", "matchday", "delete", "pod", *old, "--wait=false")
    new = until(lambda: inside.processes(cluster, "balancer", "controller").keys() - before.keys(), "a new one", 60.0)
    began = started_s(cluster, max(new))
    until(lambda: set(inside.names(cluster)) - set(old), "its pod", 30.0)
    (name,) = set(inside.names(cluster)) - set(old)

    def synced() -> bool:
        address = f"/api/v1/namespaces/matchday/pods/{name}:{inside.CONTROLLER_PORT}/proxy/readyz"
        try:
            cluster.kubectl("get", "--raw", address)
        except CommandError:
            return False
        return True

    until(synced, "the first sync", 120.0, 0.05)
    return time.monotonic() - began


def live_s(change: Callable[[], object], holds: Callable[[], bool]) -> float:
    """From a change's sending until a request shows it."""
    began = time.monotonic()
    change()
    until(holds, "the change is live", 30.0, 0.001)
    return time.monotonic() - began


def answered_by(cluster: Cluster, name: str, pod: str) -> bool:
    return ask(cluster.port, name).pod == pod


def say(title: str, took: list[float]) -> None:
    print(f"{title}: median {median(took) * 1e3:.0f} ms, worst {max(took) * 1e3:.0f} ms")


def in_time(took: list[float], wanted_s: float) -> None:
    """Half of the changes must be; where the worst is not, on two cores that run a cluster as well, the figure is told."""
    assert median(took) < wanted_s
    if max(took) >= wanted_s:
        pytest.xfail(f"worst {max(took) * 1e3:.0f} ms, wanted {wanted_s * 1e3:.0f}: docs/cluster-tests.md")


def emptied(api: Api, path: str) -> bool:
    """Whether a collection is empty now. The API server may need longer to delete it than it is given to answer."""
    try:
        api.send("DELETE", path, {})
        return not api.get(path, limit=1)["items"]
    except ApiUnavailableError:
        return False


@contextlib.contextmanager
def thousands(cluster: Cluster) -> Iterator[tuple[App, Api, list[objects.Json]]]:
    """The objects, served by one balancer; removed, and forgotten by it, after."""
    api = connect(cluster.context)
    with serving(cluster, 2) as app, one_balancer(cluster):
        pods = app.pods()
        try:
            took = write(api, app.namespace, pods[0])
            written = time.monotonic()
            until(lambda: ask(cluster.port, host(COUNT - 1)).status == 200, "the last is served", 120.0)
            print(f"\n{3 * COUNT} objects written in {took:.1f} s; all live {time.monotonic() - written:.1f} s later")
            yield app, api, pods
        finally:
            for path in COLLECTIONS.values():
                until(partial(emptied, api, path.format(app.namespace)), f"{path} emptied", 120.0)
            until(lambda: ask(cluster.port, host(0)).status == 404, "all forgotten", 120.0)


@pytest.fixture(scope="module")
def many(cluster: Cluster) -> Iterator[tuple[App, Api, list[objects.Json]]]:
    with thousands(cluster) as made:
        yield made


Many = tuple[App, Api, list[objects.Json]]


def test_first_sync_of_2000_ingresses_takes_less_than_10_s_and_400_mb(cluster: Cluster, many: Many) -> None:
    took = first_sync_s(cluster)
    until(lambda: inside.ready(cluster), "the new pod is ready", 120.0)
    until(lambda: all(ask(cluster.port, host(number)).status == 200 for number in range(0, COUNT, 100)), "all served")
    (pid,) = until(lambda: _alone(cluster), "the old controller is gone", 90.0)
    controller_mb = inside.memory_mb(cluster, pid)
    haproxy_mb = [inside.memory_mb(cluster, pid) for pid in inside.haproxies(cluster)]
    print(
        f"\nfirst sync {took:.1f} s; controller {controller_mb:.0f} MB, HAProxy {[round(mb) for mb in haproxy_mb]} MB"
    )
    assert took < 10.0
    assert controller_mb < 400.0


def _alone(cluster: Cluster) -> list[int]:
    found = inside.controllers(cluster)
    return found if len(found) == 1 else []


def test_among_2000_services_a_changed_endpoint_is_live_within_100_ms(cluster: Cluster, many: Many) -> None:
    app, api, pods = many
    wanted = pods[1]["metadata"]["name"]
    reloads = inside.reloads(cluster)
    took = []
    for number in range(7, COUNT, COUNT // CHANGES):
        address = COLLECTIONS["endpointslices"].format(app.namespace) + f"/s{number}"
        body = {"endpoints": [endpoint(pods[1])]}
        took.append(
            live_s(
                partial(api.send, "PATCH", address, body, content_type=MERGE_PATCH),
                partial(answered_by, cluster, host(number), wanted),
            )
        )
    say("\na changed endpoint among 2,000 Services, from the write", took)
    assert inside.reloads(cluster) == reloads
    in_time(took, 0.1)


def test_among_2000_ingresses_a_changed_rule_is_live_within_500_ms(cluster: Cluster, many: Many) -> None:
    app, api, pods = many
    wanted = pods[0]["metadata"]["name"]
    took = []
    for number in range(11, COUNT, COUNT // CHANGES):
        address = COLLECTIONS["ingresses"].format(app.namespace) + f"/s{number}"
        name = f"changed{number}.scale.test"
        body = {"spec": {"rules": [{"host": name, "http": {"paths": [objects.path(f"s{number}")]}}]}}
        took.append(
            live_s(
                partial(api.send, "PATCH", address, body, content_type=MERGE_PATCH),
                partial(answered_by, cluster, name, wanted),
            )
        )
        assert ask(cluster.port, host(number)).status == 404
    say("\na changed rule among 2,000 Ingresses, from the write", took)
    in_time(took, 0.5)


def test_among_2000_services_a_new_one_with_its_ingress_is_live_within_5_s(cluster: Cluster, many: Many) -> None:
    """HAProxy has no command that adds a backend, so this is the one change that reloads."""
    app, _, _ = many
    name = "new.scale.test"
    new = [objects.service("new", selector={"app": "app"}), objects.ingress("new", {name: [objects.path("new")]})]
    took = live_s(lambda: cluster.apply(*new, namespace=app.namespace), lambda: ask(cluster.port, name).status == 200)
    print(f"\na new Service and Ingress among 2,000: {took * 1e3:.0f} ms, kubectl's own time included")
    assert took < 5.0

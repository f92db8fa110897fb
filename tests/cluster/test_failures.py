"""The API server away, HAProxy killed, the controller killed: traffic goes on, and what changed meanwhile arrives."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from balancer.errors import BalancerError
from balancer.kube.api import MERGE_PATCH, connect
from tests.cluster import inside, objects
from tests.cluster.apps import App, serving
from tests.cluster.kindly import Cluster, CommandError, until
from tests.cluster.load import load
from tests.cluster.test_pods_coming_and_going import say

AWAY_S = 30.0
BACK_S = 2.0
POD_NETWORK = "198.19.0.0/17"
API_PORT = "6443"


@contextlib.contextmanager
def one_balancer(cluster: Cluster) -> Iterator[None]:
    """What one proxy does is not hidden by another."""
    usual = len(inside.names(cluster))
    inside.scale(cluster, 1)
    try:
        yield
    finally:
        inside.scale(cluster, usual)


@contextlib.contextmanager
def api_server_stopped(cluster: Cluster) -> Iterator[None]:
    """It neither answers nor refuses. Kubelet would start another only after more than a minute."""
    pids = [str(pid) for pid in inside.processes(cluster, "kube-apiserver", "--etcd-servers")]
    cluster.node_exec("kill", "-STOP", *pids)
    try:
        yield
    finally:
        cluster.node_exec("kill", "-CONT", *pids)


@contextlib.contextmanager
def api_server_unreachable_for_pods(cluster: Cluster) -> Iterator[None]:
    """Refused to pods; kubelet and the control plane go on, so that the cluster changes without the controller."""
    rule = ("INPUT", "-p", "tcp", "-s", POD_NETWORK, "--dport", API_PORT, "-j", "REJECT", "--reject-with", "tcp-reset")
    cluster.node_exec("iptables", "-I", *rule)
    try:
        yield
    finally:
        cluster.node_exec("iptables", "-D", *rule)


def control_plane_works(cluster: Cluster) -> bool:
    """A stop costs the controller manager and the scheduler their leases: kubelet starts them anew."""
    try:
        pods = cluster.get("pods", "-n", "kube-system")["items"]
    except CommandError:
        return False
    return all(
        status["ready"]
        for pod in pods
        for status in pod["status"].get("containerStatuses", [])
        if status["name"] in ("kube-controller-manager", "kube-scheduler", "kube-apiserver")
    )


def until_answered_by_another_path(app: App, since: float) -> float:
    """Seconds from `since` until the changed rule holds."""
    until(lambda: app.ask("/changed").status == 200, "the changed rule holds", 30.0, 0.01)
    return time.monotonic() - since


def test_api_server_stopped_for_30_s_fails_no_request_and_a_change_is_live_2_s_after_its_return(
    cluster: Cluster, tmp_path: Path
) -> None:
    with serving(cluster, 2) as app:
        app.cluster.apply(
            objects.ingress("app", {app.host: [objects.path("app", "/", "Exact")]}), namespace=app.namespace
        )
        until(lambda: app.ask("/changed").status == 404, "only / is served")
        address = f"/apis/networking.k8s.io/v1/namespaces/{app.namespace}/ingresses/app"
        body = {"spec": objects.ingress("app", {app.host: [objects.path("app")]})["spec"]}
        answered: list[float] = []

        def change() -> None:
            until(change_once, "the API server takes the change", AWAY_S + 60, 0.05)
            answered.append(time.monotonic())

        def change_once() -> bool:
            try:
                connect(cluster.context).send("PATCH", address, body, content_type=MERGE_PATCH)
            except BalancerError:
                return False
            return True

        with load(cluster.port, app.host, tmp_path) as sent:
            with api_server_stopped(cluster):
                writer = threading.Thread(target=change)
                writer.start()
                time.sleep(AWAY_S)
                assert app.ask().status == 200
                assert not answered
            returned = time.monotonic()
            took = until_answered_by_another_path(app, returned)
            writer.join()
            until(lambda: control_plane_works(cluster), "the control plane is back", 180.0, 1.0)
        say("API server stopped for 30 s", sent)
        print(f"changed rule live {took:.2f} s after the return, {took + returned - answered[0]:.2f} s after the write")
        assert sent.failed == []
        assert took <= BACK_S


def test_api_server_out_of_reach_for_30_s_fails_no_request_and_changes_are_live_2_s_after(
    cluster: Cluster, tmp_path: Path
) -> None:
    with serving(cluster, 3) as app:
        with load(cluster.port, app.host, tmp_path) as sent:
            with api_server_unreachable_for_pods(cluster):
                began = time.monotonic()
                old = {pod["metadata"]["name"] for pod in app.pods()}
                app.kubectl("delete", "pod", min(old))
                app.settled(3)
                app.cluster.apply(
                    objects.service("second", selector={"app": "app"}),
                    objects.ingress("second", {f"second.{app.host}": [objects.path("second")]}),
                    namespace=app.namespace,
                )
                new = {pod["metadata"]["name"] for pod in app.pods()} - old
                time.sleep(max(0.0, began + AWAY_S - time.monotonic()))
            returned = time.monotonic()
            second = App(cluster, app.namespace, f"second.{app.host}")
            until(lambda: second.ask().status == 200, "the new host is served", 30.0, 0.01)
            host_s = time.monotonic() - returned
            until(lambda: app.ask().pod in new, "the new pod answers", 30.0, 0.01)
            pod_s = time.monotonic() - returned
        say("API server out of reach for 30 s, a pod replaced meanwhile", sent)
        print(f"after its return: new host live in {host_s:.2f} s, new pod in {pod_s:.2f} s")
        assert sent.failed == []
        assert host_s <= BACK_S
        assert pod_s <= BACK_S


def test_haproxy_killed_is_back_in_under_a_second(cluster: Cluster, tmp_path: Path) -> None:
    with serving(cluster, 2) as app, one_balancer(cluster):
        until(lambda: app.ask().status == 200, "the one proxy answers")
        with load(cluster.port, app.host, tmp_path) as sent:
            time.sleep(2.0)  # some connections are in use
            before = inside.haproxies(cluster)
            cluster.node_exec("kill", "-9", *map(str, before))
            until(lambda: inside.haproxies(cluster).keys() - before.keys(), "a new HAProxy", 10.0)
            app.scale(3)
            until(lambda: len({app.ask().pod for _ in range(12)}) == 3, "the new HAProxy takes new pods")
        say("HAProxy killed", sent)
        assert sent.gap_s() < 1.0


def test_traffic_goes_on_when_the_only_controller_is_killed(cluster: Cluster, tmp_path: Path) -> None:
    with serving(cluster, 2) as app, one_balancer(cluster):
        with load(cluster.port, app.host, tmp_path) as sent:
            (controller,) = inside.controllers(cluster)
            cluster.node_exec("kill", "-9", str(controller))
            until(lambda: set(inside.controllers(cluster)) - {controller}, "another", 30.0)
            assert inside.ready(cluster)
            app.scale(3)
            until(lambda: len({app.ask().pod for _ in range(12)}) == 3, "the new controller brings new pods")
        say("the only controller killed", sent)
        assert sent.failed == []


def test_a_request_in_flight_finishes_while_its_proxy_ends(cluster: Cluster) -> None:
    """Longer than the drain, shorter than the grace period."""
    with serving(cluster, 1) as app, one_balancer(cluster):
        until(lambda: app.ask().status == 200, "the one proxy answers")
        answers: list[int] = []
        client = threading.Thread(target=lambda: answers.append(app.ask("/?sleep=9").status))
        client.start()
        until(lambda: inside.total(cluster, "matchday_in_flight", {"namespace": app.namespace}) == 1, "it is in flight")
        cluster.kubectl("-n", "matchday", "delete", "pod", *inside.names(cluster), "--wait=false")
        client.join(30.0)
        assert answers == [200]
        until(lambda: inside.ready(cluster), "the next pod is ready", 60.0, 0.5)

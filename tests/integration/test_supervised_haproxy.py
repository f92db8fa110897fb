"""The two containers of the controller's pod as processes here: a HAProxy that outlives its controllers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from balancer.controller import Controller
from balancer.haproxy.binary import find_binary
from balancer.haproxy.supervised import SupervisedProxy
from balancer.policy.objects import BackendRef, Endpoint, Ingress, IngressPath, Manifests, Service, ServicePort

BACKEND = "ns_s_80"


def manifests(path: str = "/", **annotations: str) -> Manifests:
    service = Service("s", "ns", {"a": "b"}, (ServicePort(None, 80, 80),), {"haproxy.org/check": "false"})
    paths = (IngressPath(None, path, "Prefix", BackendRef("s", 80)),)
    found = {f"haproxy.org/{name.replace('_', '-')}": value for name, value in annotations.items()}
    return Manifests(services=(service,), ingresses=(Ingress("i", "ns", paths, annotations=found),))


class Pod(BaseHTTPRequestHandler):
    """Takes half a second for /slow."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(0.5)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        return


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def until(something: Callable[[], object], deadline_s: float = 10.0) -> float:
    began = time.monotonic()
    while not something():
        assert time.monotonic() - began < deadline_s, "it never came about"
        time.sleep(0.005)
    return time.monotonic() - began


class Containers:
    """The proxy container as a process, a pod, and controllers that come and go."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.port, self.ready_port = directory, free_port(), free_port()
        command = [sys.executable, "-m", "balancer", "proxy", "--directory", str(directory), "--drain", "0.3s"]
        command += ["--grace", "5s", "--ready-port", str(self.ready_port)]
        self.log = (directory / "proxy.log").open("wb")
        self.supervisor = subprocess.Popen(command, stdout=self.log, stderr=self.log, start_new_session=True)
        self.pod = ThreadingHTTPServer(("127.0.0.1", 0), Pod)
        Thread(target=self.pod.serve_forever, daemon=True).start()
        self.endpoint = Endpoint("one", "127.0.0.1", self.pod.server_address[1])

    def controller(self, found: Manifests) -> tuple[Controller, SupervisedProxy]:
        proxy = SupervisedProxy(find_binary(), self.directory, bind_address="127.0.0.1", bind_port=self.port)
        return Controller(proxy, found), proxy

    def status(self, path: str = "/", port: int | None = None) -> int:
        try:
            connection = HTTPConnection("127.0.0.1", port or self.port, timeout=5)
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0

    def masters(self) -> list[int]:
        found = Path(f"/proc/{self.supervisor.pid}/task/{self.supervisor.pid}/children").read_text().split()
        return [int(pid) for pid in found]

    def close(self) -> None:
        masters = self.masters() if self.supervisor.poll() is None else []
        self.supervisor.kill()
        self.supervisor.wait()
        for master in masters:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(master, signal.SIGKILL)
        self.pod.shutdown()
        self.pod.server_close()
        self.log.close()


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Containers]:
    made = Containers(tmp_path)
    yield made
    made.close()


def test_a_controller_that_comes_back_takes_over_without_a_reload(pod: Containers) -> None:
    first, _ = pod.controller(manifests())
    first.sync({BACKEND: (pod.endpoint,)})
    second_endpoint = Endpoint("two", "127.0.0.1", pod.endpoint.port)
    first.sync({BACKEND: (pod.endpoint, second_endpoint)}, save=False)  # and died before the files followed
    first.manifests = manifests("/live")
    first.sync({BACKEND: (pod.endpoint, second_endpoint)}, save=False)
    again, proxy = pod.controller(manifests("/live"))
    wanted = {BACKEND: (second_endpoint,)}
    assert again.take_over(proxy.adopt, wanted)
    assert again.current is not None
    assert [(server.name, server.id) for server in again.current.backend(BACKEND).servers] == [("one", 1), ("two", 2)]
    result = again.sync(wanted)
    assert (result.reloads, [str(command) for command in result.commands]) == (
        0,
        [f"drain {BACKEND}/one", f"delete {BACKEND}/one"],
    )
    assert (pod.status("/live"), pod.status("/")) == (200, 404)


def test_a_controller_that_comes_back_with_other_rules_has_them_run(pod: Containers) -> None:
    first, _ = pod.controller(manifests())
    first.sync({BACKEND: (pod.endpoint,)})
    (master,) = pod.masters()
    again, proxy = pod.controller(manifests(deny_list="127.0.0.0/8"))
    assert not again.take_over(proxy.adopt, {BACKEND: (pod.endpoint,)})
    again.sync({BACKEND: (pod.endpoint,)})
    assert pod.status() == 403
    assert pod.masters() == [master]


@pytest.mark.parametrize("whom", ["master", "worker"])
def test_a_haproxy_that_is_killed_is_back_in_under_a_second(pod: Containers, whom: str) -> None:
    controller, proxy = pod.controller(manifests())
    controller.sync({BACKEND: (pod.endpoint,)})
    assert pod.status() == 200
    before = proxy.worker_pid()
    (master,) = pod.masters()
    killed = time.monotonic()
    os.kill(master if whom == "master" else before, signal.SIGKILL)
    until(lambda: pod.masters() not in ([master], []))
    until(lambda: pod.status() == 200)
    assert time.monotonic() - killed < 1.0
    until(lambda: proxy.worker_pid() != before)


def test_told_to_end_it_is_unready_at_once_and_finishes_what_it_has(pod: Containers) -> None:
    controller, _ = pod.controller(manifests())
    controller.sync({BACKEND: (pod.endpoint,)})
    until(lambda: pod.status("/readyz", pod.ready_port) == 200)
    answers: list[int] = []
    slow = Thread(target=lambda: answers.append(pod.status("/slow")))
    slow.start()
    until(lambda: any(not stat.idle for stat in controller.proxy.servers()))
    pod.supervisor.terminate()
    until(lambda: pod.status("/readyz", pod.ready_port) == 503, deadline_s=0.3)
    assert pod.status() == 200  # who has not heard of it yet is still served
    slow.join()
    assert answers == [200]
    assert pod.supervisor.wait(timeout=10) == 0
    assert pod.status() == 0

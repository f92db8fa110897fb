"""How long after its EndpointSlice event a pod answers its first request: one process, one clock.

Run as a script it watches a namespace's EndpointSlices. When an event shows a new ready pod of a Service, it asks the
ingress for the host SERVICE.NAMESPACE.test, one request after another, until that pod has answered; so the answer is
late by what a few requests take. Prints one JSON line a pod.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from balancer.kube.api import connect

ROOT = Path(__file__).parents[2]
SWITCH_S = 0.0005  # so that the watching thread is not kept waiting for the interpreter
GIVE_UP_S = 20.0
PRIORITY = -10
LANES = 5


@dataclass(frozen=True)
class Rotation:
    """A pod's way into rotation. `served_s` is nan when it never answered; times are of the monotonic clock."""

    service: str
    pod: str
    event_s: float
    served_s: float
    asked: int

    @property
    def took_s(self) -> float:
        return self.served_s - self.event_s


@contextlib.contextmanager
def rotations(context: str, namespace: str, port: int) -> Iterator[Callable[[int, float], list[Rotation]]]:
    """Watch while the block runs. The function given waits until so many pods in all came into rotation, so long."""
    words = (sys.executable, __file__, context, namespace, str(port))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    seen: list[Rotation] = []
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        lines = process.stdout
        assert lines.readline() == "watching\n"
        reader = threading.Thread(target=lambda: seen.extend(Rotation(**json.loads(line)) for line in lines))
        reader.start()

        def wait_for(count: int, deadline_s: float) -> list[Rotation]:
            end = time.monotonic() + deadline_s
            while len(seen) < count:
                assert time.monotonic() < end, f"{len(seen)} of {count} pods came into rotation within {deadline_s} s"
                assert process.poll() is None
                time.sleep(0.05)
            return seen

        try:
            yield wait_for
        finally:
            process.terminate()
            reader.join()


class _Prober:
    """A few keep-alive connections for each Service, all asked at once, so that no pod's turn is waited for long."""

    def __init__(self, namespace: str, port: int) -> None:
        self.namespace, self.port = namespace, port
        self.lanes: dict[str, list[socket.socket]] = {}

    def pods(self, service: str) -> Iterator[str]:
        """Who answers now, in the order of asking; nobody when it is no 200."""
        lanes = self.lanes.setdefault(service, [])
        try:
            while len(lanes) < LANES:
                lanes.append(socket.create_connection(("127.0.0.1", self.port), 5.0))
                lanes[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for lane in lanes:
                lane.sendall(f"GET / HTTP/1.1\r\nHost: {service}.{self.namespace}.test\r\n\r\n".encode())
            for lane in list(lanes):
                yield self._answer(service, lane)
        except OSError:
            for lane in self.lanes.pop(service):
                lane.close()

    def _answer(self, service: str, lane: socket.socket) -> str:
        head, _, body = lane.recv(65536).decode("latin-1").partition("\r\n\r\n")
        first, *rest = head.split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
        whole = len(body) == int(headers.get("content-length", "-1"))
        if not whole or headers.get("connection") == "close":
            self.lanes[service].remove(lane)
            lane.close()
        return headers.get("x-pod", "") if first.startswith("HTTP/1.1 200") else ""


def _watch(context: str, namespace: str, found: queue.Queue[tuple[float, str, str]]) -> None:
    path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    known: set[str] = set()
    with connect(context).lines(path, read_timeout_s=600.0, watch=1) as lines:
        print("watching", flush=True)
        for line in lines:
            now = time.monotonic()
            item = json.loads(line)["object"]
            service = item["metadata"]["labels"]["kubernetes.io/service-name"]
            for endpoint in item.get("endpoints") or ():
                pod = endpoint["targetRef"]["name"]
                if endpoint["conditions"].get("ready") and pod not in known:
                    known.add(pod)
                    found.put((now, service, pod))


def main() -> None:
    context, namespace, port = sys.argv[1:]
    sys.setswitchinterval(SWITCH_S)
    with contextlib.suppress(PermissionError):  # the controller is measured, not how long we wait for a core
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    found: queue.Queue[tuple[float, str, str]] = queue.Queue()
    threading.Thread(target=_watch, args=(context, namespace, found), daemon=True).start()
    prober = _Prober(namespace, int(port))
    pending: dict[str, tuple[float, str]] = {}
    asked: dict[str, int] = {}
    while True:
        while not pending or not found.empty():
            event_s, service, pod = found.get()
            pending[pod] = (event_s, service)
            asked[service] = 0
        for service in {service for _, service in pending.values()}:
            for pod in prober.pods(service):
                asked[service] += 1
                if pod in pending:
                    event_s, _ = pending.pop(pod)
                    say(Rotation(service, pod, event_s, time.monotonic(), asked[service]))
        now = time.monotonic()
        for pod in [pod for pod, (event_s, _) in pending.items() if now - event_s > GIVE_UP_S]:
            event_s, service = pending.pop(pod)
            say(Rotation(service, pod, event_s, float("nan"), asked[service]))


def say(found: Rotation) -> None:
    print(json.dumps(vars(found)), flush=True)


if __name__ == "__main__":
    main()

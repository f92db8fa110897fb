import asyncio
import itertools
import sys
import time
from pathlib import Path

from balancer.policy.hpa import HpaSpec, Metric
from balancer.policy.objects import Deployment, Probe
from matchday.targets.local.addresses import Addresses, free_port
from matchday.targets.local.autoscaler import Autoscaler, Metrics, run_control_loops
from matchday.targets.local.pod import PodTemplate
from matchday.targets.local.replicaset import ReplicaSet
from scenarios.schema import Cluster

# A pod that keeps about a fifth of a core busy and answers its probe.
BUSY = """
import http.server, sys, threading, time
def burn():
    while True:
        end = time.thread_time() + 0.01
        while time.thread_time() < end: pass
        time.sleep(0.04)
threading.Thread(target=burn, daemon=True).start()
http.server.HTTPServer((sys.argv[1], int(sys.argv[2])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


class NoProxy:
    def update(self) -> None:
        """No proxy stands in front."""

    def note_replicas(self) -> None:
        """Nobody counts."""

    def is_idle(self, pod: str) -> bool:
        return bool(pod)


def deployment(request_milli: int) -> Deployment:
    return Deployment("web", "default", 1, {"app": "web"}, {"app": "web"}, {}, 8080, request_milli, None, None)


def test_pods_over_their_target_are_scaled_out_on_cpu_read_from_proc(tmp_path: Path) -> None:
    events: list[dict[str, object]] = []

    async def play() -> tuple[int, int | None]:
        command = (sys.executable, "-c", BUSY, "{host}", "{port}")
        template = PodTemplate("web", command, free_port(), Probe(path="/", period_s=0.1), 1.0, 0.0, tmp_path / "log")
        pods = ReplicaSet(template, Addresses().pods(), itertools.count(), NoProxy(), lambda *_a, **_k: None)
        spec = HpaSpec(1, 4, (Metric("Resource", "cpu", utilization_percent=50),))
        metrics = Metrics()
        scaler = Autoscaler(spec, deployment(100), pods, metrics, lambda _kind, _text, **extra: events.append(extra))
        pods.scale(1, due=time.monotonic())
        deadline = time.monotonic() + 20
        while not all(pod.in_rotation for pod in pods.pods):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        cluster = Cluster.model_validate({"hpa_sync": "600ms", "metrics_resolution": "600ms"})
        loops = asyncio.ensure_future(
            run_control_loops([scaler], metrics, lambda: pods.pods, cluster, time.monotonic())
        )
        while pods.desired < 4 and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        loops.cancel()
        usage = metrics.sample(pods.pods[0], deployment(100)).cpu_usage_milli
        desired = pods.desired
        await pods.stop()
        return desired, usage

    desired, usage = asyncio.run(play())
    # about 200 milli-cores of a request of 100 at target 50 %: four pods
    assert desired == 4
    assert usage is not None
    assert 100 < usage < 300
    assert events[-1]["reasons"]


def test_a_pod_has_no_usage_before_its_second_reading(tmp_path: Path) -> None:
    async def play() -> list[int | None]:
        command = (sys.executable, "-c", BUSY, "{host}", "{port}")
        template = PodTemplate("web", command, free_port(), Probe(path="/", period_s=0.1), 1.0, 0.0, tmp_path / "log")
        pods = ReplicaSet(template, Addresses().pods(), itertools.count(), NoProxy(), lambda *_a, **_k: None)
        pods.scale(1, due=time.monotonic())
        deadline = time.monotonic() + 20
        while not all(pod.in_rotation for pod in pods.pods):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        metrics = Metrics()
        seen = []
        for _ in range(2):
            metrics.scrape(pods.pods)
            seen.append(metrics.sample(pods.pods[0], deployment(100)).cpu_usage_milli)
            await asyncio.sleep(0.3)
        await pods.stop()
        return seen

    first, second = asyncio.run(play())
    assert first is None
    assert second is not None

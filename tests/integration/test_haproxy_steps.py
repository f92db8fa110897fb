"""The model's queues against the real HAProxy's, step by step: who is served and who waits where after each event."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest

from balancer.policy.config import ProxyConfig
from sim.backend import Attempt
from sim.backend import Backend as Model
from sim.backend import Server as ModelServer
from sim.clock import Clock
from sim.destinations import destination
from sim.kinds import Kind
from sim.pod import WorkerPod
from sim.workload import PathBehaviour, constant
from tests.integration.held_pods import BACKEND, Service, Stage, stage

if TYPE_CHECKING:
    from tests.integration.conftest import Bench

pytestmark = pytest.mark.integration
BY_KEY = "url_param key"
ALGORITHMS = ("roundrobin", "leastconn", "first", BY_KEY)
PODS, KEYS, STEPS = "abc", 6, 60
STEP_S = 0.001
FOREVER_S = 1e9
LIMITS = {
    "plain": {"pod-maxconn": "3"},
    "calm": {"pod-maxconn": "9", "pod-minconn": "1", "fullconn": "16"},
    "bounded": {"pod-maxconn": "2", "pod-maxqueue": "2"},
    "both": {"pod-maxconn": "8", "pod-minconn": "1", "fullconn": "20", "pod-maxqueue": "2"},
}


@dataclass
class Twin:
    """The model of one backend, told what the real one is told."""

    config: ProxyConfig
    clock: Clock = field(default_factory=Clock)
    attempts: dict[str, Attempt] = field(default_factory=dict)

    def __post_init__(self) -> None:
        backend = self.config.backend(BACKEND)
        self.model = Model(self.clock, backend.settings)
        for server in backend.servers:
            pod = WorkerPod(self.clock, server.name, workers=1_000_000)
            limits = (server.maxconn, server.weight, server.minconn, server.maxqueue)
            self.model.add(ModelServer(pod, server.id, *limits))

    def come(self, path: str) -> None:
        kind = Kind("tv.example", path, FOREVER_S, 0, 0.0, PathBehaviour(constant(0.0), 0.0), (), False, False)
        goal = destination(self.config, kind, 0, 0)
        assert goal is not None
        attempt = Attempt(self.clock.event(), FOREVER_S, 0.0, FOREVER_S, goal.key, cancels=True)
        self.attempts[path] = attempt
        self.model.submit(attempt)
        self._move_on()

    def leave(self, path: str) -> None:
        self.attempts[path].end("ok")
        self._move_on()

    def drain(self, name: str) -> None:
        self.model.drain(name)
        self._move_on()

    def served(self) -> dict[str, set[str]]:
        """Paths at each pod still in rotation."""
        held: dict[str, set[str]] = {name: set() for name in self.model.servers}
        for path, attempt in self.attempts.items():
            if attempt.fate is None and attempt.server is not None and attempt.server.pod.name in held:
                held[attempt.server.pod.name].add(path)
        return held

    def waiting(self) -> dict[str, int]:
        """How many wait at each pod in rotation, and for all of them."""
        return {name: server.queued for name, server in self.model.servers.items()} | {"all": len(self.model.queue)}

    def _move_on(self) -> None:
        self.clock.run(until=self.clock.now + STEP_S)


async def compare(scene: Stage, twin: Twin, rng: np.random.Generator) -> None:
    """Random arrivals, ends and departures, the same for both."""
    usable = list(PODS)
    story: list[str] = []
    for step in range(STEPS):
        held = sorted(path for name in usable for path in scene.pods[name].held)
        turn = rng.random()
        if turn < 0.03 and len(usable) > 1:
            name = usable.pop(int(rng.integers(len(usable))))
            story.append(f"drain {name}")
            scene.say(name, "state drain")
            twin.drain(name)
        elif held and turn < (0.25 if step < STEPS // 2 else 0.7):
            path = held[int(rng.integers(len(held)))]
            story.append(f"end {path}")
            await scene.end(path)
            twin.leave(path)
        else:
            path = f"/{step}?key={rng.integers(KEYS)}"
            story.append(path)
            await scene.come(path)
            twin.come(path)
        seen = await scene.settled()
        assert {name: set(scene.pods[name].held) for name in usable} == twin.served(), story
        assert {name: seen[name][1] for name in [*usable, "all"]} == twin.waiting(), story


# Not both for hashes: the model lets nobody in when a pod's bounded queue refuses a newcomer (test_haproxy_queues.py).
CASES = [
    (algorithm, limits) for algorithm in ALGORITHMS for limits in LIMITS if (algorithm, limits) != (BY_KEY, "both")
]


@pytest.mark.parametrize(("algorithm", "limits"), CASES)
def test_everyone_waits_and_is_served_in_the_same_place(
    bench: Bench, one_service: Service, algorithm: str, limits: str
) -> None:
    words: Mapping[str, str] = {**LIMITS[limits], "load-balance": algorithm, "timeout-queue": "60s", "check": "false"}

    async def story() -> None:
        scene = await stage(bench, one_service, words, PODS)
        assert bench.controller is not None
        assert bench.controller.current is not None
        await compare(scene, Twin(bench.controller.current), np.random.default_rng(len(algorithm) + len(limits)))

    asyncio.run(story())

import asyncio
from typing import Any

from balancer.kube.watch import Changed, Listed
from matchday.targets.kube.pods import Pods
from matchday.targets.kube.view import View, kinds
from scenarios.load import load_scenario
from tests.matchday.targets.kube.api import Json, endpoint_slice, pod
from tests.matchday.targets.kube.quick import QUICK

KINDS = {kind.name: kind for kind in kinds("n")}
MANIFESTS = load_scenario(QUICK).manifests


class Heard:
    """Pods with a view that hears the same; `events` are (kind, text)."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.view = View()
        self.pods = Pods(None, "n", MANIFESTS, self._event)  # type: ignore[arg-type]

    def _event(self, kind: str, text: str, **_extra: Any) -> None:
        self.events.append((kind, text))

    def change(self, kind: str, item: Json, at: float = 0.0, *, gone: bool = False) -> None:
        change = Changed(KINDS[kind], item, gone=gone, received_s=at)
        self.view.hear(change)
        self.pods.hear(change, self.view)


def test_pods_that_nobody_ordered_teach_nothing() -> None:
    heard = Heard()
    heard.pods.ordered("live", None)
    heard.change("Pod", pod("live-1"))
    assert heard.pods.starts == {}


def test_an_ordered_pod_is_followed_from_order_to_rotation() -> None:
    heard = Heard()
    heard.pods.ordered("live", 10.0)
    heard.change("Pod", pod("live-1"), 11.0)
    heard.change("Pod", pod("live-1", ready=True), 13.0)
    heard.change("EndpointSlice", endpoint_slice("live", "live-1"), 13.1)
    start = heard.pods.starts["live-1"]
    assert (start.ordered, start.ready, start.in_rotation) == (10.0, 13.0, 13.1)
    assert ("pod", "live-1 in rotation") in heard.events


def test_a_pod_whose_container_was_started_again_is_a_death() -> None:
    heard = Heard()
    heard.change("Pod", pod("live-1", containerStatuses=[{"state": {}, "restartCount": 0}]))
    heard.change("Pod", pod("live-1", containerStatuses=[{"state": {}, "restartCount": 1}]))
    assert heard.pods.deaths == ["pod live-1 died and was started again"]


def test_the_oldest_ready_pods_are_taken_first() -> None:
    heard = Heard()
    young, old, unready = pod("a", ready=True), pod("b", ready=True), pod("c")
    young["metadata"]["creationTimestamp"] = "2026-01-01T00:00:09Z"
    heard.view.hear(Listed(KINDS["Pod"], (young, old, unready), 0.0))
    assert heard.pods.oldest(heard.view, 1) == ["b"]
    assert heard.pods.oldest(heard.view, 5) == ["b", "a"]


def test_a_pod_without_a_place_says_why() -> None:
    heard = Heard()
    waiting = pod("a")
    waiting["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "message": "Insufficient cpu"}]
    heard.view.hear(Listed(KINDS["Pod"], (waiting,), 0.0))
    assert heard.pods.unscheduled(heard.view) == "a: Insufficient cpu"


def test_a_warning_is_kept_once_and_everyday_events_are_not() -> None:
    heard = Heard()
    about = {"involvedObject": {"kind": "Pod", "name": "a"}, "metadata": {"name": "e"}, "reason": "R", "message": "m"}
    heard.change("Event", {**about, "type": "Warning"})
    heard.change("Event", {**about, "type": "Normal", "reason": "Pulled"})
    heard.change("Event", {**about, "type": "Warning", "reason": "Unhealthy"})
    heard.change("Event", {**about, "type": "Warning"})  # the same once more
    assert heard.events == [("kubernetes", "Pod a: R: m")]


def test_a_starting_container_is_asked_only_while_calibrating() -> None:
    running = [{"state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}, "restartCount": 0}]

    async def asked(*, finely: bool) -> int:
        heard = Heard()
        heard.pods.ask_finely = finely
        heard.pods.ordered("live", 10.0)
        heard.change("Pod", pod("live-1", containerStatuses=running))
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return len(tasks)

    assert asyncio.run(asked(finely=True)) == 1
    assert asyncio.run(asked(finely=False)) == 0

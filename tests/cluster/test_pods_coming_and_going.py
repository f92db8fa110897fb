"""200 requests a second while pods, controllers and rollouts come and go: none fails."""

from __future__ import annotations

import random
import time
from pathlib import Path

from tests.cluster import inside
from tests.cluster.apps import App, serving
from tests.cluster.kindly import Cluster, until
from tests.cluster.load import Load, load

DELETE_EVERY_S = 5.0
DELETE_FOR_S = 60.0


def delete_pods_at_random(app: App) -> int:
    """One every 5 s for a minute; how many."""
    chosen = random.Random(5)
    began = time.monotonic()
    deleted = 0
    while deleted * DELETE_EVERY_S < DELETE_FOR_S:
        time.sleep(max(0.0, began + deleted * DELETE_EVERY_S - time.monotonic()))  # the test's own rhythm
        alive = [pod["metadata"]["name"] for pod in app.pods() if "deletionTimestamp" not in pod["metadata"]]
        app.kubectl("delete", "pod", chosen.choice(alive), "--wait=false")
        deleted += 1
    return deleted


def say(title: str, sent: Load) -> None:
    print(f"\n{title}: {sent.summary()}; longest gap {sent.gap_s() * 1e3:.0f} ms")


def test_scaling_from_1_to_10_and_back_fails_no_request(cluster: Cluster, tmp_path: Path) -> None:
    with serving(cluster, 1) as app:
        reloads = inside.reloads(cluster)
        with load(cluster.port, app.host, tmp_path) as sent:
            app.scale(10)
            app.scale(1)
        say("scale 1 to 10 to 1", sent)
        assert len({request.pod for request in sent.requests}) == 10
        assert sent.failed == []
        assert inside.reloads(cluster) == reloads


def test_a_rolling_update_fails_no_request(cluster: Cluster, tmp_path: Path) -> None:
    with serving(cluster, 4) as app:
        with load(cluster.port, app.host, tmp_path) as sent:
            app.kubectl("rollout", "restart", "deployment/app")
            app.settled(4)
        say("rolling update of 4 pods", sent)
        assert len({request.pod for request in sent.requests}) == 8
        assert sent.failed == []


def test_deleting_a_random_pod_every_5_s_for_a_minute_fails_no_request(cluster: Cluster, tmp_path: Path) -> None:
    with serving(cluster, 3) as app:
        with load(cluster.port, app.host, tmp_path) as sent:
            deleted = delete_pods_at_random(app)
            app.settled(3)
        say(f"{deleted} pods deleted", sent)
        assert len({request.pod for request in sent.requests}) == 3 + deleted
        assert sent.failed == []


def test_pods_that_drop_everything_cost_few_requests_and_the_count_is_exact(cluster: Cluster, tmp_path: Path) -> None:
    """What is lost is in flight at a pod when it dies; what finds it dead goes to another."""
    with serving(cluster, 3, drain_s=0.0) as app:
        with load(cluster.port, app.host, tmp_path) as sent:
            deleted = delete_pods_at_random(app)
            app.settled(3)
        say(f"{deleted} pods deleted that drop everything", sent)
        assert len({request.pod for request in sent.requests}) >= 3 + deleted - 1
        assert len(sent.failed) <= deleted


def test_killing_the_controller_fails_no_request(cluster: Cluster, tmp_path: Path) -> None:
    with serving(cluster, 2) as app:
        with load(cluster.port, app.host, tmp_path) as sent:
            killed = inside.processes(cluster, "balancer", "controller")
            assert killed
            cluster.node_exec("kill", "-9", *map(str, killed))
            app.scale(4)
            until(lambda: len({app.ask().pod for _ in range(40)}) == 4, "the controllers' successors act", 90.0, 0.5)
            app.scale(2)
        say(f"{len(killed)} controllers killed", sent)
        assert len({request.pod for request in sent.requests}) >= 4
        assert sent.failed == []


def test_a_rolling_update_of_the_controller_fails_no_request(cluster: Cluster, tmp_path: Path) -> None:
    with serving(cluster, 2) as app:
        replicas = len(inside.names(cluster))
        with load(cluster.port, app.host, tmp_path) as sent:
            cluster.kubectl("-n", "matchday", "rollout", "restart", "deployment/matchday-balancer")
            inside.scale(cluster, replicas)
        say("the controller replaced", sent)
        assert sent.failed == []


def test_a_second_controller_coming_and_going_fails_no_request(cluster: Cluster, tmp_path: Path) -> None:
    usual = len(inside.names(cluster))
    with serving(cluster, 2) as app:
        inside.scale(cluster, 1)
        try:
            with load(cluster.port, app.host, tmp_path) as sent:
                inside.scale(cluster, 2)
                inside.scale(cluster, 1)
        finally:
            inside.scale(cluster, usual)
        say("a second controller", sent)
        assert sent.failed == []

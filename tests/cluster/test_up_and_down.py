"""`matchday up` and `matchday down` on clusters of their own and on one that they must not touch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tests.cluster import kindly
from tests.cluster.kindly import ROOT, Cluster

NAME = f"matchday-up-{os.getpid()}"
pytestmark = pytest.mark.timeout(900)


def matchday(*words: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "matchday", *words)
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=800)


@pytest.fixture(scope="module")
def made() -> Iterator[dict[str, object]]:
    """A cluster that `up` made."""
    reason = kindly.why_not()
    if reason is not None or os.environ.get("MATCHDAY_TEST_CONTEXT"):
        pytest.skip(reason or "a context is named: no cluster is to be made")
    (port,) = kindly.free_ports(1)
    try:
        done = matchday("up", "--name", NAME, "--port", str(port), "--json")
        assert done.returncode == 0, done.stderr
        yield json.loads(done.stdout)
    finally:
        kindly.delete(NAME)


def status(address: object) -> int:
    try:
        with urllib.request.urlopen(f"http://{address}/", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_up_makes_a_cluster_whose_controller_answers_on_this_machine(made: dict[str, object]) -> None:
    assert made["made"] is True
    assert status(made["address"]) == 404  # there is no Ingress yet


def test_a_second_up_says_it_is_there_and_updates(made: dict[str, object]) -> None:
    done = matchday("up", "--name", NAME, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["made"] is False
    assert "is there; bringing it up to date" in done.stderr
    assert status(made["address"]) == 404


def test_a_cluster_of_somebody_elses_is_touched_by_neither(cluster: Cluster) -> None:
    if not cluster.context.startswith("kind-"):
        pytest.skip("not a kind cluster")
    name = cluster.context.removeprefix("kind-")
    for verb in ("up", "down"):
        done = matchday(verb, "--name", name)
        assert done.returncode == 2
        assert f"--name: {name}: a kind cluster that matchday made" in done.stderr
    done = matchday("down", "--context", cluster.context)
    assert done.returncode == 2
    assert "installed by someone else" in done.stderr
    cluster.ready("deployment/matchday-balancer", kindly.SYSTEM)


def test_a_context_that_is_not_there_names_those_that_are(cluster: Cluster) -> None:
    done = matchday("up", "--context", "no-such-context")
    assert done.returncode == 2
    assert cluster.context in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.usefixtures("made")
def test_down_removes_it_and_a_second_down_finds_nothing() -> None:
    assert matchday("down", "--name", NAME).returncode == 0
    assert NAME not in kindly.run("kind", "get", "clusters").split()
    again = matchday("down", "--name", NAME)
    assert again.returncode == 0
    assert f"there is no kind cluster {NAME}" in again.stdout

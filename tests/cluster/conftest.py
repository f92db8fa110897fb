"""One real cluster for the whole session, with the controller in it.

MATCHDAY_TEST_CONTEXT names a context to use ("current": the kubeconfig's own); else a kind cluster is made, named
MATCHDAY_TEST_CLUSTER (matchday-test), and deleted at the end unless MATCHDAY_TEST_KEEP=1. With MATCHDAY_TEST_AS_IS=1
nothing is built or installed: the controller and the test application are there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import kindly
from tests.cluster.kindly import Cluster

TIMEOUT_S = 600  # the first test's includes making the cluster


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    reason = kindly.why_not()
    if reason is not None:
        pytest.skip(reason)
    context = os.environ.get("MATCHDAY_TEST_CONTEXT")
    if context is not None:
        if context == "current":
            context = kindly.run("kubectl", "config", "current-context").strip()
        made = Cluster(context)
        _install(made)
        yield made
        return
    name = os.environ.get("MATCHDAY_TEST_CLUSTER", "matchday-test")
    try:
        made = Cluster(kindly.create(name))
        _install(made)
        yield made
    finally:
        if os.environ.get("MATCHDAY_TEST_KEEP") != "1":
            kindly.delete(name)


def _install(made: Cluster) -> None:
    if os.environ.get("MATCHDAY_TEST_AS_IS") != "1":
        kindly.install(made)

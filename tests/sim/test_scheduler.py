from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import distributed
import pytest

from sim import scheduler
from sim.errors import ClusterError
from sim.scheduler import on_cluster

LocalCluster: Any = distributed.LocalCluster  # has no types


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two threads of this process."""
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0") as made:
        yield made


def inverse(i: int) -> float:
    return 1 / (i - 3)


def test_results_come_in_replication_order(cluster: Any) -> None:
    assert list(on_cluster(abs, 20, cluster.scheduler_address)) == list(range(20))


def test_no_replications_give_no_results(cluster: Any) -> None:
    assert list(on_cluster(abs, 0, cluster.scheduler_address)) == []


warmed: list[int] = []


def warm_up() -> None:
    warmed.append(1)


def test_each_process_warms_up_once(cluster: Any) -> None:
    assert list(on_cluster(abs, 9, cluster.scheduler_address, warm_up)) == list(range(9))
    assert warmed == [1]


def test_a_failing_replication_is_raised_here_in_its_turn(cluster: Any) -> None:
    done = on_cluster(inverse, 9, cluster.scheduler_address)
    assert [next(done) for _ in range(3)] == [inverse(i) for i in range(3)]
    with pytest.raises(ZeroDivisionError):
        next(done)


def test_ten_thousand_replications_are_never_under_way_at_once(cluster: Any) -> None:
    done = on_cluster(abs, 10_000, cluster.scheduler_address)
    most = 0
    for _ in range(50):
        next(done)
        most = max(most, len(cluster.scheduler.tasks))
    done.close()
    assert (
        2 <= most <= 2 * 2 * 2 + 1
    )  # twice what the threads can hold, as much handed out at once, and the task itself


def test_whoever_stops_listening_leaves_no_task_behind(cluster: Any) -> None:
    done = on_cluster(abs, 1000, cluster.scheduler_address)
    next(done)
    done.close()
    deadline = time.monotonic() + 10
    while cluster.scheduler.tasks:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_worker_with_another_model_is_refused(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["matchday 0.0.9", "matchday 0.1.0", "matchday 0.1.0"])
    monkeypatch.setattr(scheduler, "model_version", lambda: next(answers, "matchday 0.1.0"))
    with pytest.raises(ClusterError, match=r"has matchday 0\.0\.9, here is matchday 0\.1\.0"):
        list(on_cluster(abs, 1, cluster.scheduler_address))


def test_the_model_version_names_sources_python_and_what_computes() -> None:
    said = scheduler.model_version()
    for word in ("matchday", "python 3.", "numpy", "scipy", "numba"):
        assert word in said


def test_a_cluster_without_workers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "NO_WORKERS_S", 0.2)
    monkeypatch.setattr(scheduler, "_LOOK_EVERY_S", 0.1)
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as empty,
        pytest.raises(ClusterError, match="no worker for 0 s"),
    ):
        list(on_cluster(abs, 3, empty.scheduler_address))


def refusing() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"tcp://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def silent() -> Iterator[str]:
    """Somebody who takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def web_server() -> Iterator[str]:
    """Somebody who speaks, but not to us."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                connection.close()

        threading.Thread(target=answer, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def test_where_no_scheduler_is_one_line_says_so_in_time(
    silent: str, web_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert scheduler.CONNECT_S <= 5
    monkeypatch.setattr(scheduler, "CONNECT_S", 0.5)
    for address in (refusing(), silent, web_server, "tcp://no.such.host.invalid:8786"):
        began = time.monotonic()
        with pytest.raises(ClusterError, match=f"^{address}: no Dask scheduler there: (no answer|what answers)"):
            list(on_cluster(abs, 1, address))
        assert time.monotonic() - began < 3


def test_without_distributed_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"pip install 'matchday\[cluster\]'"):
        list(on_cluster(abs, 1, "tcp://127.0.0.1:8786"))

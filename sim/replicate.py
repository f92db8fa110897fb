"""Monte-Carlo replications over local processes. Results come in replication order, whatever the number of workers."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Any, TypeVar

T = TypeVar("T")

_task: Callable[[int], Any] | None = None


def replicate(
    task: Callable[[int], T],
    replications: int,
    *,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[T]:
    """`[task(0), …, task(replications - 1)]`; `task` must be picklable when there are several workers.

    `workers` is by default the number of cores this process may use; 1 stays in this process, and so does what a
    broken pool (a worker killed from outside) left undone. `progress` is told how many are done. An exception of a
    task is raised here, and the replications not yet begun are dropped.
    """
    count = min(workers or len(os.sched_getaffinity(0)), replications)
    results: list[T] = []
    if count > 1:
        done = _in_workers(task, replications, count)
        with contextlib.suppress(BrokenProcessPool), contextlib.closing(done):
            for result in done:
                results.append(result)
                _tell(progress, len(results))
    while len(results) < replications:
        results.append(task(len(results)))
        _tell(progress, len(results))
    return results


def _in_workers(task: Callable[[int], T], replications: int, count: int) -> Generator[T, None, None]:
    """Results in order, as they come."""
    # spawned, not forked: the caller may have threads and event loops
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_start_worker, initargs=(task,))
    try:
        yield from pool.map(_run, range(replications))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _tell(progress: Callable[[int], None] | None, done: int) -> None:
    if progress is not None:
        progress(done)


def _start_worker(task: Callable[[int], Any]) -> None:
    """Ctrl-C is the parent's business; without a parent there is nothing left to do."""
    global _task  # noqa: PLW0603 - a worker process is started for one task, and a pool has no other place for it
    _task = task
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _run(replication: int) -> Any:
    assert _task is not None
    return _task(replication)

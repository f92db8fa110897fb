"""Monte-Carlo replications, in local processes or on a Dask cluster: results in order, the same from any number of workers."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection, wait
from time import monotonic as _now_s
from typing import Any, TypeVar

from sim.scheduler import on_cluster

T = TypeVar("T")

_task: Callable[[int], Any] | None = None


def replicate(
    task: Callable[[int], T],
    replications: int,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    alone_s: float = 0.0,
    enough: Callable[[Sequence[T]], bool] | None = None,
    warm_up: Callable[[], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[T]:
    """`[task(0), …, task(replications - 1)]`; `task` must be picklable when there are several workers.

    `workers` is by default the number of cores this process may use, but before it asks others for help it works
    alone for `alone_s`, and to the end when no more than that is left. 1 stays in this process, and so does what a
    broken pool (a worker killed from outside) left undone. With a `scheduler` (tcp://host:port) a Dask cluster does
    the work instead; ClusterError when it cannot. `enough` sees all results so far after each one, in order, and
    ends it; what was begun beyond that is dropped. `warm_up` is called here before other processes start, and once
    in each process of a cluster. `progress` is told how many are done. An exception of a task is raised here.
    """
    results: list[T] = []
    if scheduler is not None:
        source = on_cluster(task, replications, scheduler, warm_up)
    else:
        source = _here(task, replications, workers, alone_s, warm_up)
    with contextlib.closing(source) as done:
        for result in done:
            results.append(result)
            if progress is not None:
                progress(len(results))
            if enough is not None and enough(results):
                break
    return results


def _here(
    task: Callable[[int], T],
    replications: int,
    workers: int | None,
    alone_s: float,
    warm_up: Callable[[], None] | None,
) -> Generator[T, None, None]:
    """Results in order, as they come, from processes of this machine."""
    done = 0
    if workers is None:
        for result in _alone(task, replications, alone_s):
            done += 1
            yield result
    count = min(workers or len(os.sched_getaffinity(0)), replications - done)
    if count > 1:
        if warm_up is not None:
            warm_up()
        others = _in_workers(task, range(done, replications), count)
        with contextlib.suppress(BrokenProcessPool), contextlib.closing(others):
            for result in others:
                done += 1
                yield result
    for replication in range(done, replications):
        yield task(replication)


def _alone(task: Callable[[int], T], replications: int, alone_s: float) -> Iterator[T]:
    """The first results, until help is worth its price."""
    began_s = _now_s()
    for replication in range(replications):
        spent_s = _now_s() - began_s
        if spent_s >= alone_s and spent_s * (replications - replication) >= alone_s * replication:
            return
        yield task(replication)


def _in_workers(task: Callable[[int], T], replications: range, count: int) -> Generator[T, None, None]:
    # spawned, not forked: the caller may have threads and event loops
    context = multiprocessing.get_context("spawn")
    ending, end = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_start_worker, initargs=(task, ending))
    waiting = iter(replications)
    flying: deque[Future[T]] = deque()
    try:
        while True:
            flying.extend(pool.submit(_run, i) for i in itertools.islice(waiting, 2 * count - len(flying)))
            if not flying:
                break
            yield flying[0].result()
            flying.popleft()
    finally:
        if flying:
            end.close()  # nobody waits any more for what is under way
        pool.shutdown(wait=True)
        end.close()
        ending.close()


def _start_worker(task: Callable[[int], Any], ending: Connection) -> None:
    """Ctrl-C is the parent's business; when it has had enough, or is gone, there is nothing left to do."""
    global _task  # noqa: PLW0603 - a worker process is started for one task, and a pool has no other place for it
    _task = task
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(ending,), daemon=True).start()


def _end_with_parent(ending: Connection) -> None:
    """The other end of the pipe is in the parent alone, and closes with it."""
    wait([ending])
    os._exit(1)


def _run(replication: int) -> Any:
    assert _task is not None
    return _task(replication)

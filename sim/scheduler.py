"""Replications on a Dask cluster: the same tasks, the same order, the same results as on this machine.

Only so many tasks are under way as keep the workers busy. The task itself is handed over once, and where its holder
dies the scheduler makes it anew. Whatever ends us, the scheduler forgets our tasks with our connection. What travels
is bytes, and functions of the standard library: a worker that is sent what it cannot unpickle ends itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import logging
import operator
import pickle
import platform
import re
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from sim.errors import ClusterError

T = TypeVar("T")
_Job = tuple[Callable[[int], T], Callable[[], None] | None]

CONNECT_S = 5.0
"""Until then a scheduler has answered, or is none."""
NO_WORKERS_S = 60.0
"""As long as this we wait for a first worker, or for one after the last: clusters that grow on demand take a while."""
_LOOK_EVERY_S = 5.0
_PACKAGES = ("balancer", "scenarios", "sim")
_IS_DASKS = re.compile(r"distributed\.")


@dataclass(frozen=True)
class _Landed:
    """What a worker sends back."""

    model: str
    worker: str
    result: Any
    error: Exception | None = None


@lru_cache(maxsize=1)
def model_version() -> str:
    """What two processes must have in common to get the same bytes: our sources, Python and what computes for us."""
    root, digest = Path(__file__).parents[1], hashlib.sha256()
    for package in _PACKAGES:
        for source in sorted((root / package).rglob("*.py")):
            digest.update(source.read_bytes())
    python = ".".join(platform.python_version_tuple()[:2])
    parts = " ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "numba"))
    return f"matchday {version('matchday')} {digest.hexdigest()[:8]} python {python} {parts}"


def on_cluster(
    task: Callable[[int], T], replications: int, address: str, warm_up: Callable[[], None] | None = None
) -> Generator[T, None, None]:
    """`task(0), …, task(replications - 1)` in order, after a `warm_up` of each process.

    ClusterError when the cluster cannot do it.
    """
    with _client(address) as client:
        flying: deque[Any] = deque()
        try:
            for found in _fly(client, (task, warm_up), replications, flying):
                for landed in found:
                    if landed.model != model_version():
                        here = f"here is {model_version()}"
                        raise ClusterError(f"{address}: worker {landed.worker} has {landed.model}, {here}")
                    if landed.error is not None:
                        raise landed.error
                    yield landed.result
        finally:
            if flying:
                with contextlib.suppress(Exception):  # a scheduler that is gone has nothing left to cancel
                    client.cancel(list(flying))


def _fly(client: Any, job: _Job[T], replications: int, flying: deque[Any]) -> Iterator[list[_Landed]]:
    """What has come, a few at a time; `flying` are the futures not handed out yet."""
    dask, address = _dask(), client.scheduler.address
    waiting = iter(range(replications))
    try:
        handed_over = client.submit(pickle.loads, pickle.dumps(partial(_run_there, job)), pure=False)
        while True:
            room = max(2, 2 * sum(client.nthreads().values())) - len(flying)
            for replication in itertools.islice(waiting, max(0, room)):
                flying.append(client.submit(operator.call, handed_over, replication, pure=False))
            if not flying:
                return
            _await(client, flying[0])
            ready = list(itertools.takewhile(lambda future: future.status == "finished", flying))
            found = [pickle.loads(landed) for landed in client.gather(ready)]  # noqa: S301 - what we sent comes back
            for _ in ready:
                flying.popleft()
            del ready
            yield found
    except (OSError, dask.CancelledError) as error:
        raise ClusterError(f"{address}: the scheduler was lost") from error


def _await(client: Any, future: Any) -> None:
    """Wait until it is finished; what the cluster makes of a task that it cannot run is an error of the cluster."""
    address, worked_s = client.scheduler.address, time.monotonic()
    while future.status == "pending":
        with contextlib.suppress(TimeoutError):
            future.exception(timeout=_LOOK_EVERY_S)
        if client.nthreads():
            worked_s = time.monotonic()
        elif time.monotonic() - worked_s > NO_WORKERS_S:
            raise ClusterError(f"{address}: no worker for {NO_WORKERS_S:.0f} s")
    if future.status == "error":
        raise ClusterError(f"{address}: {(str(future.exception()) or repr(future.exception())).splitlines()[0]}")


@contextlib.contextmanager
def _client(address: str) -> Iterator[Any]:
    dask = _dask()
    for name in ("distributed", *filter(_IS_DASKS.match, logging.root.manager.loggerDict)):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is said by us, in one line
    try:
        with ThreadPoolExecutor(1) as aside:  # from a notebook's event loop too
            aside.submit(asyncio.run, _shake_hands(address)).result()
        client = dask.Client(address, timeout=CONNECT_S, set_as_default=False, name="matchday")
    except Exception as error:  # what a stranger says can fail in any way
        said = f"no answer in {CONNECT_S:.0f} s" if isinstance(error, OSError) else "what answers is something else"
        raise ClusterError(f"{address}: no Dask scheduler there: {said}") from error
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):
            client.close(timeout=CONNECT_S)


async def _shake_hands(address: str) -> None:
    """Dask itself waits for ever for one who takes the connection and says nothing."""
    arguments = _dask().Security().get_connection_args("client")
    connecting = _dask("distributed.comm").connect(address, timeout=CONNECT_S, **arguments)
    comm = await asyncio.wait_for(connecting, CONNECT_S)
    await comm.close()


def _dask(module: str = "distributed") -> ModuleType:
    """Only those who have a cluster have it."""
    try:
        return import_module(module)
    except ImportError:
        raise ClusterError("a Dask cluster needs more: pip install 'matchday[cluster]'") from None


def _run_there(job: _Job[T], replication: int) -> bytes:
    """A pickled `_Landed`."""
    landed = partial(_Landed, model_version(), _dask().get_worker().address)
    task, warm_up = job
    try:
        if warm_up is not None:
            _once(warm_up)
        return pickle.dumps(landed(task(replication)))
    except Exception as error:  # noqa: BLE001 - the task's own, to be raised where it was asked for
        return pickle.dumps(landed(None, error))


@lru_cache
def _once(warm_up: Callable[[], None]) -> None:
    warm_up()

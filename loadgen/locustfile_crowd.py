"""The users of a locustfile in one process: made ready, and heard while Locust drives them.

Locust spawns and stops the users and runs their tasks; we keep a row for each request it tells of. A closed loop has
no intended times: a row's intended time is that of its send.
"""

from __future__ import annotations

import gc
import sys
import time
import zlib
from array import array
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import gevent
import gevent.socket
import numpy as np
from gevent.event import Event
from locust.argument_parser import get_parser
from locust.env import Environment
from locust.runners import Runner, WorkerRunner
from numpy.typing import NDArray

from loadgen.address import is_loopback
from loadgen.errors import LoadError
from loadgen.locustfile import outcome_of, read_locustfile, task_error
from loadgen.openloop import Counts
from loadgen.order import Order
from loadgen.records import Recorder
from loadgen.users import Plan

# A user that is told to stop ends the task it is in, or is cut off after so long.
GRACE_S = 10.0
STOPPED_GRACE_S = 2.0

Tell = Callable[[str, dict[str, Any]], None]
"""Takes what a crowd has to tell beside its rows: named {number, name}, raised {sentence}, cut_off {users}."""


def has_users(order: Order) -> bool:
    """Whether the load comes from the users of a locustfile, and not from a schedule."""
    return order.loaded.scenario.traffic.locustfile is not None


def plan_of(order: Order) -> Plan:
    """The phases of an order's locustfile."""
    wanted = order.loaded.scenario.traffic.locustfile
    assert wanted is not None
    return Plan.of(wanted.phases)


def prepare(order: Order, environment: Environment) -> tuple[str, ...]:
    """Have an environment run the order's users against its target; notes. LoadError when the file cannot be used.

    What the file prints goes to stderr, for stdout is where this process says how the run goes.
    """
    traffic = order.loaded.scenario.traffic
    assert traffic.locustfile is not None
    sys.stdout = sys.stderr
    gc.enable()  # their code may leave cycles behind
    if is_loopback(order.host):
        _stay_here()
    found = read_locustfile(order.loaded.directory / traffic.locustfile.file)
    try:
        environment.parsed_options = get_parser(default_config_files=[]).parse_args([])
    except SystemExit:
        raise LoadError(f"{found.path}:1: options: every option that the file adds needs a default") from None
    environment.user_classes = list(found.classes)
    environment.locustfile = str(found.path)
    host = f"[{order.host}]" if ":" in order.host else order.host
    environment.host = f"{'http' if traffic.tls is None else 'https'}://{host}:{order.port}"
    environment.stop_timeout = GRACE_S
    return found.notes


def tell_init(environment: Environment) -> None:
    """Fire the event by which a locustfile hears that there is a runner."""
    environment.events.init.fire(  # type: ignore[no-untyped-call]  # Locust's, as those below
        environment=environment, runner=environment.runner, web_ui=None
    )


def enlist(order: Order, runner: WorkerRunner) -> None:
    """Have a worker be ready for the users that its master gives it."""
    prepare(order, runner.environment)
    tell_init(runner.environment)


def join(order: Order, runner: WorkerRunner, epoch: float) -> Crowd:
    """A worker's part in an order it is enlisted for; it ends by itself when the plan is over."""
    return Crowd(order, runner, epoch, lambda what, data: runner.send_message(f"matchday_{what}", data))


class Crowd:
    """Keeps rows of what the users of this process send until they are over. Read like a `loadgen.openloop.Sender`."""

    def __init__(self, order: Order, runner: Runner, epoch: float, tell: Tell) -> None:
        self.plan, self._runner, self.epoch, self._tell = plan_of(order), runner, epoch, tell
        self.recorder, self.counts = Recorder(), Counts()
        self.stopping, self.ended, self.complete = Event(), Event(), False
        self._numbers: set[int] = set()
        self._path = Path(str(runner.environment.locustfile))
        runner.environment.events.request.add_listener(self._request)  # type: ignore[no-untyped-call]
        runner.environment.events.user_error.add_listener(self._error)  # type: ignore[no-untyped-call]
        gevent.spawn(self._live)

    def take_lags(self) -> NDArray[np.float64]:
        """Empty: nothing in a closed loop is late."""
        return np.frombuffer(array("d"), dtype=np.float64)

    def _live(self) -> None:
        """Let the users be until the plan is over or somebody says stop; then those in a task may end it."""
        told = self.stopping.wait(max(0.0, self.epoch + self.plan.duration_s - time.monotonic()))
        environment = self._runner.environment
        environment.stop_timeout = STOPPED_GRACE_S if told else GRACE_S
        last_look = gevent.spawn_later(environment.stop_timeout - 0.1, self._look)
        self._runner.stop()
        last_look.kill()
        self.complete = not told
        self.stopping.set()
        self.ended.set()

    def _look(self) -> None:
        self._tell("cut_off", {"users": self._runner.user_count})

    def _request(
        self,
        request_type: str,
        name: str,
        response_time: float | None,
        response_length: int | None,
        response: Any = None,
        exception: BaseException | None = None,
        start_time: float | None = None,
        **_further: Any,
    ) -> None:
        """Locust's request event: milliseconds, and the wall clock."""
        now, spent_s = time.monotonic(), (response_time or 0.0) / 1000
        since = now - spent_s if start_time is None else start_time - time.time() + now
        send_s = since - self.epoch
        if send_s < 0 or self.ended.is_set():
            return  # it happened before the schedule or after it
        given = getattr(response, "status_code", 0)
        status, error, own_limit = outcome_of(exception, given if isinstance(given, int) else 0)
        if own_limit:
            self.counts.own_errors[own_limit] += 1
            return
        number = zlib.crc32(f"{request_type} {name}".encode()) & 0x7FFFFFFF
        if number not in self._numbers:
            self._numbers.add(number)
            self._tell("named", {"number": number, "name": f"{request_type} {name}"})
        self.recorder.add(
            self.counts.sent,
            0,
            number,
            send_s,
            send_s,
            send_s + spent_s,
            status,
            error,
            final=True,
            size=int(response_length or 0),
        )
        self.counts.sent += 1

    def _error(self, user_instance: Any, exception: BaseException, tb: TracebackType | None, **_further: Any) -> None:
        self._tell("raised", {"sentence": task_error(user_instance, exception, tb, self._path)})


def _stay_here() -> None:
    """From now on no socket of this process connects beyond loopback, whatever addresses a task names."""
    kind: Any = gevent.socket.socket
    for name in ("connect", "connect_ex"):
        setattr(kind, name, _only_loopback(getattr(kind, name)))


def _only_loopback(connect: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(sock: Any, address: Any) -> Any:
        if isinstance(address, tuple) and not is_loopback(address[0]):
            raise PermissionError(f"{address[0]}: users may reach loopback only, as --to is loopback")
        return connect(sock, address)

    return guarded

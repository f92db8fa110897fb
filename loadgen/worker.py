"""A worker: Locust's WorkerRunner that gets a share of an order from its master, sends it, and hands over each row.

Messages, worker to master: matchday_clock {t}, matchday_here {host, machine, pid, uncertainty_s},
matchday_armed {share}, matchday_rows {share, rows, lag, counts, cpu_s, wall_s, complete, ended}, matchday_cannot {why},
and those of a crowd (loadgen.locustfile_crowd): matchday_named, matchday_raised, matchday_cut_off.
Master to worker: matchday_clock {t, master_s}, matchday_order {share, of, order}, matchday_go {epoch}, matchday_stop.
Times are `time.monotonic()` of whoever sends the message.
"""

from __future__ import annotations

import os
import platform
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gevent
import locust
from gevent.event import AsyncResult
from locust.env import Environment
from locust.runners import DistributedRunner, WorkerRunner

from loadgen.errors import LoadError
from loadgen.locust_stats import tell_locust
from loadgen.locustfile_crowd import Crowd, enlist, has_users, join
from loadgen.openloop import ScheduleUser, Sender
from loadgen.order import Order
from loadgen.records import rows_of
from scenarios.errors import ScenarioError

HAND_OVER_S = 0.25
_CLOCK_ROUNDS = 9
_ANSWER_S = 5.0


def machine_id() -> str:
    """Processes with the same id share one monotonic clock. Source: random(4), boot_id."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def listen(runner: DistributedRunner, name: str, heard: Callable[[Mapping[str, Any], str], None]) -> None:
    """Have `heard` take the data of each message of ours, and the name of the node that it comes from."""
    runner.register_message(f"matchday_{name}", lambda environment, msg: heard(msg.data, msg.node_id))  # noqa: ARG005


class Worker:
    """Waits for an order on a runner that is connected to its master."""

    def __init__(self, runner: WorkerRunner, user: type[ScheduleUser]) -> None:
        self._runner, self._user = runner, user
        self._clock: AsyncResult[tuple[float, float]] = AsyncResult()
        self._sender: Sender | Crowd | None = None
        self._share = self._of = 0
        self._order: Order | None = None
        self._room = TemporaryDirectory(prefix="matchday-worker-")
        self._offset_s = 0.0
        for name, heard in (("clock", self._tick), ("order", self._arm), ("go", self._go), ("stop", self._stop)):
            listen(runner, name, heard)

    def announce(self) -> None:
        """Compare clocks with the master, then say that this worker is here."""
        best_s, self._offset_s = float("inf"), 0.0
        for _ in range(_CLOCK_ROUNDS):
            self._clock = AsyncResult()
            self._say("clock", {"t": time.monotonic()})
            asked, master_s = self._clock.get(timeout=_ANSWER_S)
            now = time.monotonic()
            if now - asked < best_s:
                # The master's clock was read in the middle of the way there and back, give or take half of it.
                best_s, self._offset_s = now - asked, (asked + now) / 2 - master_s
        here = {"host": platform.node(), "machine": machine_id(), "pid": os.getpid(), "uncertainty_s": best_s / 2}
        self._say("here", here)

    def _say(self, what: str, data: dict[str, Any]) -> None:
        self._runner.send_message(f"matchday_{what}", data)

    def _tick(self, said: Mapping[str, Any], _node: str) -> None:
        self._clock.set((said["t"], said["master_s"]))

    def _arm(self, said: Mapping[str, Any], _node: str) -> None:
        self._share, self._of = said["share"], said["of"]
        if said["same_clock"]:
            self._offset_s = 0.0
        try:
            self._order = Order.unpacked(said["order"], self._room)
            if has_users(self._order):
                enlist(self._order, self._runner)
        except (LoadError, ScenarioError, OSError) as error:
            self._say("cannot", {"why": str(error)})
            return
        self._say("armed", {"share": self._share})

    def _go(self, said: Mapping[str, Any], _node: str) -> None:
        assert self._order is not None
        epoch = said["epoch"] + self._offset_s
        if has_users(self._order):
            self._sender = join(self._order, self._runner, epoch)
        else:
            self._sender = self._order.sender(epoch, self._share, self._of)
            self._user.post.set(self._sender)
        gevent.spawn(self._hand_over, self._sender)

    def _hand_over(self, sender: Sender | Crowd) -> None:
        assert self._order is not None
        cpu_s, epoch_unix_s = time.process_time(), sender.epoch + time.time() - time.monotonic()
        while True:
            ended = sender.ended.wait(HAND_OVER_S)
            packed = sender.recorder.take()
            if isinstance(sender, Sender):
                tell_locust(self._runner.stats, rows_of(packed), self._order.requests, epoch_unix_s)
            self._say(
                "rows",
                {
                    "share": self._share,
                    "rows": packed,
                    "lag": sender.take_lags().tobytes(),
                    "counts": asdict(sender.counts),
                    "cpu_s": time.process_time() - cpu_s,
                    "wall_s": max(0.0, time.monotonic() - sender.epoch),
                    "complete": sender.complete,
                    "ended": bool(ended),
                },
            )
            if ended:
                return

    def _stop(self, _said: Mapping[str, Any], _node: str) -> None:
        if self._sender is not None:
            self._sender.stopping.set()

    def leave(self) -> None:
        """Stop sending and hand over the rest; whoever is not sending is let go at once."""
        if self._sender is None or self._sender.ended.is_set():
            self._runner.quit()
        else:
            self._sender.stopping.set()


def work(master_host: str, master_port: int) -> None:
    """Serve a master until it lets go or is gone."""
    user = ScheduleUser.waiting()
    environment = Environment(user_classes=[user], events=locust.events)
    runner = environment.create_worker_runner(master_host, master_port)
    worker = Worker(runner, user)
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, worker.leave)
    gevent.spawn(worker.announce)
    runner.greenlet.join()

"""Sleeps to a moment, to within the machine's own wake-up time.

The event loop's timers come in whole milliseconds, late by half of one on average, which is most of a gap between
arrivals at 1,000 a second: a Poisson process would arrive in clumps. The kernel's timerfd is exact to microseconds.
"""

from __future__ import annotations

import ctypes
import os
from types import TracebackType
from typing import Self

from gevent.hub import Waiter, get_hub

# Source: linux/timerfd.h, bits/time.h.
_CLOCK_MONOTONIC, _NONBLOCK, _CLOEXEC, _ABSTIME = 1, 0o4000, 0o2000000, 1
_READ = 1  # gevent's event mask


class _Times(ctypes.Structure):
    """struct itimerspec: the interval, which stays 0, and the moment."""

    _fields_ = (
        ("every_s", ctypes.c_long),
        ("every_ns", ctypes.c_long),
        ("at_s", ctypes.c_long),
        ("at_ns", ctypes.c_long),
    )


class Alarm:
    """Wakes one greenlet. A context manager, for it holds a file descriptor."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK | _CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._times = _Times()
        self._at = ctypes.byref(self._times)
        self._waiter: Waiter[None] = Waiter()
        self._watcher = get_hub().loop.io(self._fd, _READ)

    def __enter__(self) -> Self:
        self._watcher.start(self._rings)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watcher.stop()
        self._watcher.close()
        os.close(self._fd)

    def sleep_until(self, moment_s: float) -> None:
        """Return at `moment_s` of `time.monotonic()`; at once when it is past."""
        self._times.at_s = int(moment_s)
        self._times.at_ns = max(1, int((moment_s - int(moment_s)) * 1e9))  # 0 would disarm it
        self._libc.timerfd_settime(self._fd, _ABSTIME, self._at, None)
        try:
            self._waiter.get()
        finally:
            self._waiter.clear()

    def _rings(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:  # it was set anew meanwhile
            return
        self._waiter.switch(None)

"""Keeps a program of ours alive inside its container.

A container that ends makes its whole pod unready, and Kubernetes waits ever longer before it starts it again: a
controller that dies would take the proxy beside it out of traffic.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable

# Bad input, or an environment that does not allow it: for the one who reads the container's state, not for us.
_FOR_PEOPLE = (0, 2, 3)
_YOUNG_S, _FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 0.05, 5.0


def guarded(program: Callable[[], int]) -> int:
    """Run it in a child process, again whenever it dies of a signal or an error of ours; gives its exit code otherwise.

    SIGTERM and SIGINT are passed on, and end it for good.
    """
    ending: list[int] = []
    child = 0

    def pass_on(number: int, _frame: object) -> None:
        ending.append(number)
        if child:
            os.kill(child, number)

    pause_s = _FIRST_PAUSE_S
    while True:
        began = time.monotonic()
        before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
        child = os.fork()
        if child == 0:
            for number, handler in before.items():
                signal.signal(number, handler)
            return program()
        code = reaped(child)
        if ending or code in _FOR_PEOPLE:
            return max(code, 0)
        print(f"the controller died ({in_words(code)}); it is started again", file=sys.stderr, flush=True)
        young = time.monotonic() - began < _YOUNG_S
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S) if young else _FIRST_PAUSE_S
        time.sleep(pause_s)


def reaped(child: int) -> int:
    """Exit code of a child, waited for; orphans are reaped on the way, since nobody else is there to do it."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def in_words(code: int) -> str:
    """How a process ended; a signal is a code below 0."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

"""Run a command that dies with its parent: `python -m matchday.targets.local.tether COMMAND…`.

A user's own server knows nothing of us; the kernel ends it if we crash, and `exec` keeps its pid ours.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # Source: prctl(2)


def tether() -> None:
    """Ask the kernel to kill this process when its parent dies; the setting survives exec."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    tether()
    try:
        os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - becoming the user's own command is the point
    except OSError as error:
        sys.exit(f"cannot run {sys.argv[1]}: {error.strerror}")

"""What the generator's own machine did while it sent: samples of /proc and of the clocks."""

from __future__ import annotations

import resource
import time
from pathlib import Path

_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


class Watch:
    """Sampled several times a second by the process that conducts a run; a sample costs well below a millisecond.

    The clocks are compared with how they stood at the start: a step of the wall clock moves `time.time()` against
    `time.monotonic()`, a suspended machine moves CLOCK_BOOTTIME against it.
    """

    def __init__(self) -> None:
        self._wall, self._boot = _wall_ahead_s(), _boot_ahead_s()
        self._busy, self._all = _machine_ticks()
        self._last = time.monotonic()
        self._gap_max_s = self._step_max_s = 0.0
        self._descriptors_max = self._ports_max = 0

    def sample(self) -> None:
        """Look."""
        now = time.monotonic()
        self._gap_max_s, self._last = max(self._gap_max_s, now - self._last), now
        self._step_max_s = max(self._step_max_s, abs(_wall_ahead_s() - self._wall))
        try:
            self._descriptors_max = max(self._descriptors_max, sum(1 for _ in Path("/proc/self/fd").iterdir()))
            self._ports_max = max(self._ports_max, _tcp_sockets())
        except OSError:  # not even one descriptor left to look with
            self._descriptors_max = resource.getrlimit(resource.RLIMIT_NOFILE)[0]

    def report(self) -> dict[str, float]:
        """The worst of each, from the start until now."""
        busy, everything = _machine_ticks()
        low, high = (int(word) for word in _PORTS.read_text(encoding="ascii").split())
        return {
            "machine_busy_ratio": (busy - self._busy) / max(1, everything - self._all),
            "descriptors_max": self._descriptors_max,
            "descriptors_limit": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            "ports_used_max": self._ports_max,
            "ports_limit": high - low + 1,
            "clock_step_s": self._step_max_s,
            "suspended_s": max(0.0, _boot_ahead_s() - self._boot),
            "loop_gap_max_s": self._gap_max_s,
        }


def _wall_ahead_s() -> float:
    return time.time() - time.monotonic()


def _boot_ahead_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()


def _machine_ticks() -> tuple[int, int]:
    """(busy, all) ticks of all cores since boot. Source: proc(5), /proc/stat: user nice system idle iowait irq softirq steal."""
    with Path("/proc/stat").open(encoding="ascii") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def _tcp_sockets() -> int:
    """TCP sockets in use and waiting to be forgotten (TIME-WAIT), on this whole machine. Source: /proc/net/sockstat."""
    with Path("/proc/net/sockstat").open(encoding="ascii") as file:
        for line in file:
            if line.startswith("TCP:"):
                words = line.split()
                return int(words[words.index("inuse") + 1]) + int(words[words.index("tw") + 1])
    return 0

"""CPU readings from Linux's /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Source: proc(5), /proc/[pid]/stat, counted from the field after the parenthesised name (field 3).
_SESSION, _UTIME, _STIME, _CUTIME, _CSTIME = 3, 11, 12, 13, 14


def cpu_s_by_session() -> dict[int, float]:
    """CPU seconds each session's live processes have used, with those of children they have reaped.

    Keyed by session id, which for a process we started in a session of its own is its pid.
    """
    used: dict[int, float] = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            text = Path(entry.path, "stat").read_text()
        except OSError:
            continue  # the process ended between the listing and the reading
        fields = text[text.rindex(")") + 2 :].split()
        ticks = sum(int(fields[i]) for i in (_UTIME, _STIME, _CUTIME, _CSTIME))
        session = int(fields[_SESSION])
        used[session] = used.get(session, 0.0) + ticks / _TICKS_PER_S
    return used


@dataclass(frozen=True)
class MachineTimes:
    """CPU seconds of the whole machine since boot, all cores together."""

    busy_s: float
    total_s: float

    def busy_ratio_since(self, earlier: MachineTimes) -> float:
        """Share of the machine's CPU time between the readings that was not idle; 0 when no time passed."""
        total_s = self.total_s - earlier.total_s
        return (self.busy_s - earlier.busy_s) / total_s if total_s > 0 else 0.0


def machine_times() -> MachineTimes:
    """Read /proc/stat. Waiting for I/O counts as idle, time stolen by a hypervisor as busy.

    Source: proc(5): user nice system idle iowait irq softirq steal; guest time is inside user time.
    """
    with Path("/proc/stat").open() as file:
        ticks = [int(field) for field in file.readline().split()[1:9]]
    total = sum(ticks)
    return MachineTimes(busy_s=(total - ticks[3] - ticks[4]) / _TICKS_PER_S, total_s=total / _TICKS_PER_S)

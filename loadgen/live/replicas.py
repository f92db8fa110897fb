"""Replica counts as the rehearsal writes them beside the generator: one JSON line a change in RUN_DIR/replicas.jsonl."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

Replicas = tuple[float, int, int, int]
"""Seconds since the schedule's first moment; desired, ready and in rotation from then on."""

# A run of hours has hundreds of changes; what a broken writer adds beyond this is not read.
MOST_CHANGES = 20_000
_CHUNK_BYTES = 1 << 20


class ReplicaTail:
    """Reads on where it stopped. A file that is not there yet, a line half written and a line that is no change are all fine."""

    def __init__(self, path: Path) -> None:
        self.changes: list[Replicas] = []
        self._path, self._read, self._rest = path, 0, b""

    def read_on(self) -> None:
        """Add what has been written since the last time to `changes`."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                new = file.read(_CHUNK_BYTES)
        except OSError:
            return
        self._read += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        self.changes.extend(list(_changes(lines))[: MOST_CHANGES - len(self.changes)])


def _changes(lines: list[bytes]) -> Iterator[Replicas]:
    for line in lines:
        try:
            row = json.loads(line)
            yield float(row["t_s"]), int(row["desired"]), int(row["ready"]), int(row["in_rotation"])
        except (ValueError, KeyError, TypeError, OverflowError):
            continue

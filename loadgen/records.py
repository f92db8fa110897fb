"""What the generator saw of each attempt, one CSV line each, written while it runs."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import IO

COLUMNS = ("index", "attempt", "intended_s", "send_s", "done_s", "status", "error", "bytes")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of one intended request. Times are seconds from the schedule's first moment.

    `intended_s` is that of the first attempt; `status` 0 means no answer, and `error` then is timeout, connect,
    reset or other.
    """

    index: int
    attempt: int
    intended_s: float
    send_s: float
    done_s: float
    status: int
    error: str
    bytes: int

    @property
    def good(self) -> bool:
        """Whether the client takes it for a success."""
        return not self.error and 200 <= self.status < 400

    @property
    def worth_a_retry(self) -> bool:
        """A client repeats what no server answered, what a server failed at, and what it was told to repeat."""
        return bool(self.error) or self.status >= 500 or self.status == 429

    @property
    def request_id(self) -> str:
        """What the proxy logs it under."""
        return f"{self.index}-{self.attempt}"


class Recorder:
    """Collects attempts and appends them to a file when told to."""

    def __init__(self, path: Path) -> None:
        self._file: IO[str] = path.open("a", encoding="ascii")
        self._pending: list[str] = []
        if self._file.tell() == 0:
            self._file.write(",".join(COLUMNS) + "\n")

    def add(self, attempt: Attempt) -> None:
        """Remember until the next flush."""
        a = attempt
        self._pending.append(
            f"{a.index},{a.attempt},{a.intended_s:.6f},{a.send_s:.6f},{a.done_s:.6f},{a.status},{a.error},{a.bytes}\n"
        )

    def flush(self) -> None:
        """Write all that is pending."""
        lines, self._pending = self._pending, []
        self._file.writelines(lines)
        self._file.flush()

    def close(self) -> None:
        """Write the rest."""
        self.flush()
        self._file.close()


def read_records(path: Path) -> list[Attempt]:
    """All whole lines of a records file; a last line torn by a kill is left out."""
    text = path.read_text(encoding="ascii") if path.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    return [
        Attempt(int(r[0]), int(r[1]), float(r[2]), float(r[3]), float(r[4]), int(r[5]), r[6], int(r[7]))
        for r in csv.reader(whole.splitlines()[1:])
    ]

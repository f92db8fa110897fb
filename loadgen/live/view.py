"""The state behind the live page: progress lines in, what is new since a cursor out. No clock, no server."""

from __future__ import annotations

import json
import secrets
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from loadgen.live.predicted import Predicted
from loadgen.live.replicas import ReplicaTail
from loadgen.live.seconds import Seconds
from loadgen.validity import LAG_DEGRADED_S, LAG_INVALID_S
from scenarios.traffic import PhaseSpan

# An hour of seconds; a longer run is shown in steps of 2, 4, ... s, and is never more than 200 KiB here.
MOST_ROWS = 3600
# An answer is made between two requests of the generator, which must not wait: 500 rows take 2 ms.
MOST_AT_ONCE = 500
_NONE = float("nan")
_NOW = ("t_s", "sent", "done", "ok", "failed", "lag_p99_s", "phase", "outstanding", "workers")


class View:
    """A run so far. `feed` is for the generator, `answer` for the page."""

    def __init__(
        self,
        predicted: Predicted | None = None,
        tail: ReplicaTail | None = None,
        phases: Sequence[PhaseSpan] = (),
        seconds: Seconds | None = None,
        *,
        most_rows: int = MOST_ROWS,
    ) -> None:
        """`phases` are the prediction's when left out; `most_rows` is even.

        Without `seconds` a row is what happened between two progress lines, whatever second it was meant for.
        """
        self.predicted, self._tail, self._seconds = predicted, tail, seconds
        self.phases = tuple(phases) or (predicted.phases if predicted is not None else ())
        self._most_rows, self._every, self._era, self._held = most_rows, 1, 0, 0
        self._name = secrets.token_hex(4)  # a page that outlives its run must not take another run's rows for its own
        self._now: dict[str, Any] = {}
        self._most_workers = 0
        # Ends of the rows and the totals at these ends; a rate is a difference, so that rows can be merged exactly.
        self._t_s, self._p95_s = array("d", [0.0]), array("d", [_NONE])
        self._sent, self._done, self._ok = array("q", [0]), array("q", [0]), array("q", [0])
        self._head = self._said_once()

    def feed(self, line: Mapping[str, Any]) -> None:
        """One second more, as the progress line says it."""
        self._now = {key: line.get(key) for key in _NOW}
        self._most_workers = max(self._most_workers, line.get("workers") or 0)
        t_s = float(line["t_s"])
        if self._seconds is not None:
            for second in self._seconds.settled(t_s):
                sent, ok = self._sent[-1] + second.sent, self._ok[-1] + second.ok
                self._add(second.end_s, sent, sent, ok, second.p95_s)
        elif t_s > self._t_s[-1]:  # not before the schedule's first moment
            self._add(t_s, line["sent"], line["done"], line["ok"], line.get("p95_s"))

    def _add(self, end_s: float, sent: int, done: int, ok: int, p95_s: float | None) -> None:
        """A row more, given the totals at its end."""
        worst_s = _NONE if p95_s is None else p95_s
        if self._held:
            worst_s = _worst(self._p95_s.pop(), worst_s)
            for column in (self._t_s, self._sent, self._done, self._ok):
                column.pop()
        self._held = (self._held + 1) % self._every
        self._t_s.append(end_s)
        self._p95_s.append(worst_s)
        self._sent.append(sent)
        self._done.append(done)
        self._ok.append(ok)
        if len(self._t_s) > self._most_rows and not self._held:
            self._coarsen()

    def answer(self, cursor: str = "") -> str:
        """JSON of what is new since the `cursor` of an earlier answer; everything, when it is none of this view's.

        `now` is the last line; `rows` are [end in s, sent/s, good/s, p95 in s, failed share] of seconds that are over;
        `replicas` are [s, desired, ready, in rotation]. `head` (the prediction) comes with the first answer only, and
        `more` says that the next may be asked for at once.
        """
        if self._tail is not None:
            self._tail.read_on()
        changes = self._tail.changes if self._tail is not None else []
        rows_from, replicas_from = self._place(cursor)
        whole = len(self._t_s) - bool(self._held)
        until = min(whole, max(1, rows_from) + MOST_AT_ONCE)
        said: dict[str, Any] = {
            "cursor": f"{self._name}{self._era}.{until}.{len(changes)}",
            "now": {**self._now, "most_workers": self._most_workers},
            "rows": [self._row(i) for i in range(rows_from or 1, until)],
            "replicas": changes[replicas_from:],
            "fresh": not rows_from,
            "more": until < whole,
        }
        text = json.dumps(said, separators=(",", ":"))
        return text if rows_from else f'{text[:-1]},"head":{self._head}}}'

    def _place(self, cursor: str) -> tuple[int, int]:
        era, *counts = cursor.split(".")
        if era != f"{self._name}{self._era}" or len(counts) != 2 or not all(_is_count(text) for text in counts):
            return 0, 0
        rows, replicas = map(int, counts)
        return (rows, replicas) if rows <= len(self._t_s) else (0, 0)

    def _row(self, i: int) -> list[float | None]:
        span_s = self._t_s[i] - self._t_s[i - 1]
        done, ok = self._done[i] - self._done[i - 1], self._ok[i] - self._ok[i - 1]
        p95_s = self._p95_s[i]
        return [
            round(self._t_s[i], 2),
            round((self._sent[i] - self._sent[i - 1]) / span_s, 2),
            round(ok / span_s, 2),
            None if p95_s != p95_s else round(p95_s, 5),  # noqa: PLR0124  (not a number)
            round((done - ok) / done, 5) if done else None,
        ]

    def _coarsen(self) -> None:
        """Merge rows in pairs; whoever watches starts again from the first."""
        ends = range(2, len(self._t_s), 2)
        worst = [_worst(self._p95_s[i - 1], self._p95_s[i]) for i in ends]
        self._p95_s = array("d", [_NONE, *worst])
        for name in ("_t_s", "_sent", "_done", "_ok"):
            setattr(self, name, getattr(self, name)[::2])
        self._every *= 2
        self._era += 1

    def _said_once(self) -> str:
        known = self.predicted
        figures = ("rate_rps", "goodput_rps", "p95_s", "failed_ratio", "replicas")
        predicted = known and {
            "scenario": known.scenario,
            "sha256": known.sha256,
            "intact": known.intact,
            "bucket_s": known.bucket_s,
            "time_s": known.time_s,
            "replicas_s": known.replicas_s,
            **{name: [t and [round(v, 5) for v in t] for t in getattr(known, name)] for name in figures},
        }
        head = {
            "phases": [asdict(phase) for phase in self.phases],
            "lag_degraded_s": LAG_DEGRADED_S,
            "lag_invalid_s": LAG_INVALID_S,
            "by_intended": self._seconds is not None,
            "predicted": predicted,
        }
        return json.dumps(head, separators=(",", ":"))


def _worst(one: float, other: float) -> float:
    return other if not one >= other else one


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10

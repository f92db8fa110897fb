"""What a person sees while a verb works: one bar a stage on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

_PLAIN_EVERY_S = 10.0


class Stage:
    """A stage under way: tell it how far it is."""

    def __init__(self, display: Display, name: str, bar: Progress | None) -> None:
        self._display, self._name, self._bar = display, name, bar
        self._task = bar.add_task(name, total=1.0, note="") if bar else None
        self._spoken = time.monotonic()

    def update(self, done_ratio: float, note: str = "") -> None:
        """`done_ratio` 0..1; `note` is the live reading beside the bar."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=min(1.0, max(0.0, done_ratio)), note=note)
        elif note and time.monotonic() - self._spoken >= _PLAIN_EVERY_S:
            self._spoken = time.monotonic()
            self._display.say(f"  {self._name}: {done_ratio:4.0%}  {note}")


class Display:
    """Speaks on stderr when stdout belongs to a machine (`--json`), else on stdout."""

    def __init__(self, *, as_json: bool) -> None:
        self.console = Console(stderr=as_json, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Print a line as it is."""
        self.console.print(text, markup=False)

    @contextmanager
    def stage(self, name: str, about: str) -> Iterator[Stage]:
        """Announce a stage and what it will take; show a bar while it runs on a terminal."""
        if not self.console.is_terminal:
            self.say(f"{name}: {about}")
            yield Stage(self, name, None)
            return
        columns = (
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        )
        self.console.print(f"[bold]{name}[/bold]  {about}")
        with Progress(*columns, console=self.console, transient=True) as bar:
            yield Stage(self, name, bar)

"""The run directory: everything a run learnt, written as it happens so that an interrupted run keeps it."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from pydantic import BaseModel

from matchday.errors import EnvironmentFailedError
from scenarios.errors import ScenarioError
from scenarios.load import LoadedScenario


class RunDirectory:
    """A fresh directory for one run. File names are those of the architecture page; people and scripts rely on them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.epoch: float | None = None
        self._events = (path / "events.jsonl").open("a", encoding="utf-8")

    @classmethod
    def create(cls, loaded: LoadedScenario, out: Path | None) -> RunDirectory:
        """Make the directory and copy the scenario into it.

        `out` must be new or empty (ScenarioError otherwise); None picks `runs/<name>-<local time>`.
        """
        path = out or Path("runs", f"{loaded.scenario.name}-{time.strftime('%Y%m%d-%H%M%S')}")
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ScenarioError(f"--out: {path}: a directory that is new or empty")
        try:
            path.mkdir(parents=True, exist_ok=True)
            shutil.copytree(loaded.directory, path / "scenario", ignore=shutil.ignore_patterns("runs", "__pycache__"))
            return cls(path)
        except OSError as error:
            raise EnvironmentFailedError(f"cannot write the run directory {path}: {error.strerror or error}") from error

    def write_text(self, name: str, text: str) -> Path:
        """Write a file whole or not at all."""
        target = self.path / name
        partial = target.with_name(f".{name}.partial")
        try:
            partial.write_text(text, encoding="utf-8")
            partial.replace(target)
        except OSError as error:
            raise EnvironmentFailedError(f"cannot write {target}: {error.strerror or error}") from error
        return target

    def write_model(self, name: str, model: BaseModel) -> Path:
        """Write a result as JSON, one field a line."""
        return self.write_text(name, model.model_dump_json(indent=1))

    def event(self, kind: str, text: str, **extra: object) -> None:
        """Append a line to events.jsonl: seconds on the schedule's clock (negative before it starts), kind, text."""
        at_s = time.monotonic() - self.epoch if self.epoch is not None else None
        line = {"t_s": None if at_s is None else round(at_s, 4), "kind": kind, "text": text, **extra}
        try:
            self._events.write(json.dumps(line) + "\n")
            self._events.flush()
        except OSError as error:
            raise EnvironmentFailedError(f"cannot write {self._events.name}: {error.strerror or error}") from error

    def status(self, stage: str, *, finished: bool = False, message: str = "") -> None:
        """Say how far the run got, for the report and for whoever opens the directory later."""
        self.write_text("status.json", json.dumps({"stage": stage, "finished": finished, "message": message}, indent=1))

    def close(self) -> None:
        """No more events."""
        self._events.close()

"""Reads a run directory as it is: whole, interrupted, or a prediction alone. Never fails for what is not there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from matchday.compare import Comparison, compare
from scenarios.calibration import Calibration
from scenarios.errors import ScenarioError
from scenarios.load import load_scenario
from scenarios.outcome import Outcome
from scenarios.schema import Scenario

Model = TypeVar("Model", bound=BaseModel)


class Event(BaseModel):
    """A line of events.jsonl; `t_s` is null before the schedule's clock exists."""

    model_config = ConfigDict(frozen=True, extra="allow")
    t_s: float | None
    kind: str
    text: str
    current: int | None = None
    desired: int | None = None
    reasons: tuple[str, ...] = ()
    error: str | None = None
    reloads: int = 0


class Status(BaseModel):
    """How far the run got."""

    stage: str
    finished: bool = False
    message: str = ""


@dataclass(frozen=True)
class Record:
    """All that a run directory holds.

    `absent` names each file that is missing or cannot be read, with the reason; `frozen_sha256` is what was written
    before the surge, `prediction_sha256` what prediction.json hashes to now.
    """

    name: str
    scenario: Scenario | None = None
    calibration: Calibration | None = None
    prediction: Outcome | None = None
    measurement: Outcome | None = None
    comparison: Comparison | None = None
    events: tuple[Event, ...] = ()
    status: Status | None = None
    frozen_sha256: str | None = None
    prediction_sha256: str | None = None
    absent: tuple[str, ...] = ()

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What there is of prediction and measurement, in this order."""
        return tuple(outcome for outcome in (self.prediction, self.measurement) if outcome is not None)


def read_record(run_dir: Path) -> Record:
    """Read what is there (ScenarioError only when `run_dir` is no directory)."""
    if not run_dir.is_dir():
        raise ScenarioError(f"{run_dir}: not a run directory")
    absent: list[str] = []
    prediction = _read(run_dir, "prediction.json", Outcome, absent)
    measurement = _read(run_dir, "measurement.json", Outcome, absent)
    return Record(
        name=run_dir.resolve().name,
        scenario=_scenario(run_dir, absent),
        calibration=_read(run_dir, "calibration.json", Calibration, absent),
        prediction=prediction,
        measurement=measurement,
        comparison=_comparison(run_dir, prediction, measurement, absent),
        events=_events(run_dir, absent),
        status=_read(run_dir, "status.json", Status, []),
        frozen_sha256=_frozen(run_dir),
        prediction_sha256=_digest(run_dir / "prediction.json"),
        absent=tuple(absent),
    )


def read_model(path: Path, model: type[Model]) -> Model:
    """A result file as its model; ScenarioError says in one line what is wrong with it."""
    try:
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ScenarioError(f"{path}: no such file") from None
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ScenarioError(f"{path}: {field}: {first['msg']}" if field else f"{path}: {first['msg']}") from error


def _read(run_dir: Path, name: str, model: type[Model], absent: list[str]) -> Model | None:
    try:
        return read_model(run_dir / name, model)
    except ScenarioError as error:
        absent.append(str(error).replace(f"{run_dir}/", ""))
        return None


def _scenario(run_dir: Path, absent: list[str]) -> Scenario | None:
    try:
        return load_scenario(run_dir / "scenario").scenario
    except ScenarioError:
        absent.append("scenario/: no readable copy of the scenario, so its objectives are not shown")
        return None


def _comparison(
    run_dir: Path, prediction: Outcome | None, measurement: Outcome | None, absent: list[str]
) -> Comparison | None:
    """The comparison as it was written; made anew when the run ended before it could be, or it cannot be read."""
    if prediction is None or measurement is None:
        return None
    path = run_dir / "comparison.json"
    written = _read(run_dir, path.name, Comparison, absent) if path.exists() else None
    if written is not None:
        return written
    try:
        return compare(prediction, measurement)
    except ScenarioError as error:
        absent.append(f"comparison: {error}")
        return None


def _events(run_dir: Path, absent: list[str]) -> tuple[Event, ...]:
    """Every whole line; a run that was killed may have left half of one."""
    try:
        lines = (run_dir / "events.jsonl").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        absent.append("events.jsonl: no such file")
        return ()
    events, broken = [], 0
    for line in lines:
        try:
            events.append(Event.model_validate_json(line))
        except ValidationError:
            broken += 1
    if broken:
        absent.append(f"events.jsonl: {broken} of {len(lines)} lines cannot be read")
    return tuple(events)


def _frozen(run_dir: Path) -> str | None:
    try:
        words = (run_dir / "prediction.sha256").read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return None
    return words[0] if words else None


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None

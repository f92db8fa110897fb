"""`matchday compare`: score a prediction against a measurement, and rebuild the report of a run directory."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from matchday.compare import Comparison, compare
from matchday.compare.words import figure, interval, signed_percent
from matchday.display import Display
from matchday.errors import EnvironmentFailedError, InvalidRunError
from matchday.report import write_report
from matchday.report.record import read_model
from scenarios.errors import ScenarioError
from scenarios.outcome import Outcome


def run(run_dir: Path | None, prediction: Path | None, measurement: Path | None, *, as_json: bool) -> int:
    """0 when the measured SLO was met, 1 when not; InvalidRunError when the run proves nothing."""
    if (run_dir is None) == (prediction is None) or (prediction is None) != (measurement is None):
        raise ScenarioError("give either RUN_DIR, or both --prediction and --measurement")
    if run_dir is not None:
        prediction, measurement = run_dir / "prediction.json", run_dir / "measurement.json"
    assert prediction is not None
    assert measurement is not None
    measured = read_model(measurement, Outcome)
    comparison = compare(read_model(prediction, Outcome), measured)
    display = Display(as_json=as_json)
    if run_dir is not None:
        try:
            (run_dir / "comparison.json").write_text(comparison.model_dump_json(indent=1), encoding="utf-8")
        except OSError as error:
            raise EnvironmentFailedError(f"cannot write into {run_dir}: {error.strerror or error}") from error
        write_report(run_dir)
    if as_json:
        print(comparison.model_dump_json(indent=1))
    else:
        display.console.print(_table(comparison))
    display.say(comparison.verdict.prediction)
    display.say(comparison.verdict.slo)
    if not comparison.scored:
        raise InvalidRunError(f"the run is not scored: {'; '.join(comparison.reasons)}")
    return 0 if measured.slo.met else 1


def _table(comparison: Comparison) -> Table:
    """A row a figure of each phase: predicted with its interval, measured, error."""
    table = Table("phase", "figure", "predicted", "measured", "error", "inside", box=None, pad_edge=False)
    for phase in (*comparison.phases, comparison.total):
        for name in (
            "goodput_rps",
            "success_ratio",
            "latency_s.mean",
            "latency_s.p50",
            "latency_s.p95",
            "latency_s.p99",
        ):
            score = phase.figure(name)
            inside = "-" if score.inside is None else "yes" if score.inside else "no"
            predicted = f"{figure(score.predicted, score.unit)} ({interval(score.low, score.high, score.unit)})"
            measured = figure(score.measured, score.unit)
            table.add_row(phase.name, name, predicted, measured, signed_percent(score.relative_error), inside)
    return table

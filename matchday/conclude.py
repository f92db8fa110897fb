"""The end of every run: comparison, report, and what is said of it, made of whatever the run directory holds."""

from __future__ import annotations

from matchday.compare import compare
from matchday.display import Display
from matchday.errors import InvalidRunError
from matchday.report import write_report
from matchday.report.record import read_model
from matchday.rundir import RunDirectory
from scenarios.outcome import Outcome


def conclude(run: RunDirectory, display: Display, failure: Exception | None, *, as_json: bool) -> int:
    """Exit code 0 when the measured SLO was met and 1 when it was not; raises `failure`, or InvalidRunError."""
    run.status("report" if failure is None else "ended early", finished=failure is None, message=str(failure or ""))
    run.close()
    prediction, measurement = run.path / "prediction.json", run.path / "measurement.json"
    comparison = measured = None
    if prediction.exists() and measurement.exists():
        measured = read_model(measurement, Outcome)
        comparison = compare(read_model(prediction, Outcome), measured)
        run.write_model("comparison.json", comparison)
        display.say(comparison.verdict.prediction)
        display.say(comparison.verdict.slo)
    write_report(run.path)
    display.say(f"report: {run.path / 'report.html'}")
    if failure is not None:
        raise failure
    assert comparison is not None, "a run that ended well has one"
    assert measured is not None
    if as_json:
        print(comparison.model_dump_json(indent=1))
    if measured.validity is not None and measured.validity.verdict == "invalid":
        raise InvalidRunError(f"the run is invalid: {'; '.join(measured.validity.reasons)}")
    return 0 if measured.slo.met else 1
